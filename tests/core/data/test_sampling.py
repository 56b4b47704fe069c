"""The order of samples depends only on the seed and the step, and each epoch is a permutation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import sample_indices

seeds = st.integers(0, 2**63 - 1)


@given(seeds, st.integers(1, 600), st.integers(1, 1000))
def test_each_epoch_visits_each_sample_once(seed: int, count: int, batch_size: int):
    batch_size = max(batch_size, count // 10)  # few steps, for speed
    epochs = 3
    steps = -(-epochs * count // batch_size)
    drawn = np.concatenate([sample_indices(seed, step, batch_size, count) for step in range(1, steps + 1)])
    for epoch in range(epochs):
        part = drawn[epoch * count : (epoch + 1) * count]
        assert np.array_equal(np.sort(part), np.arange(count))


@given(seeds, st.integers(1, 2**40), st.integers(1, 2**62), st.integers(0, 300))
def test_memory_does_not_grow_with_the_number_of_samples(seed: int, step: int, count: int, batch_size: int):
    drawn = sample_indices(seed, step, batch_size, count)
    assert drawn.shape == (batch_size,)
    assert drawn.dtype == np.int64
    assert np.all((drawn >= 0) & (drawn < count))
    assert np.array_equal(drawn, sample_indices(seed, step, batch_size, count))


@given(seeds, st.integers(1, 100), st.integers(1, 300))
def test_two_small_steps_are_one_large_step(seed: int, step: int, count: int):
    large = sample_indices(seed, step, 8, count)
    small = [sample_indices(seed, 2 * step - 1 + half, 4, count) for half in range(2)]
    assert np.array_equal(large, np.concatenate(small))


def test_the_order_never_changes():
    # Another order would make a run that resumes under a newer version repeat some samples and skip others.
    assert sample_indices(7, 1, 10, 10).tolist() == [4, 3, 9, 0, 8, 1, 5, 7, 2, 6]


def test_epochs_and_seeds_differ():
    orders = {tuple(sample_indices(seed, epoch, 50, 50)) for seed in range(5) for epoch in range(1, 6)}
    assert len(orders) == 25


@pytest.mark.parametrize("count", [2, 5, 16, 100])
def test_every_sample_is_equally_likely_at_every_position(count: int):
    """Chi-squared over (position, sample) pairs, which for a uniform permutation has mean (count - 1)^2."""
    trials = 200 * count
    orders = sample_indices(3, 1, trials * count, count).reshape(trials, count)
    table = np.zeros((count, count))
    for place in range(count):
        table[place] = np.bincount(orders[:, place], minlength=count)
    expected = trials / count
    freedom = (count - 1) ** 2
    statistic = ((table - expected) ** 2 / expected).sum()
    assert statistic < freedom + 6 * np.sqrt(2 * freedom) + 10


def test_adjacent_samples_are_not_adjacent_after_shuffling():
    order = sample_indices(0, 1, 4096, 4096)
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.01
    assert abs(np.corrcoef(order, np.arange(4096))[0, 1]) < 0.1


@pytest.mark.parametrize(("step", "count", "batch_size"), [(0, 5, 1), (1, 0, 1), (1, 5, -1)])
def test_invalid_arguments_are_refused(step: int, count: int, batch_size: int):
    with pytest.raises(ValueError, match="no samples"):
        sample_indices(0, step, batch_size, count)
