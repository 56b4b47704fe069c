"""Counter-based randomness."""

import numpy as np
import pytest

from core import randomness
from core.randomness import derive_seed, normals, uniforms


def test_a_seed_for_each_purpose() -> None:
    seeds = [derive_seed(0, "dropout", 1, 2), derive_seed(0, "dropout", 12), derive_seed(1, "dropout", 1, 2)]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "dropout", 1, 2) == 6488468301329667476  # the values used by earlier runs


def test_mixing_is_splitmix64() -> None:
    # The first outputs of the published generator for seed 1234567.
    state = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert randomness._mix(state).tolist() == expected


def test_uniforms_are_uniform_and_independent() -> None:
    drawn = uniforms(derive_seed(0, "test"), np.arange(500), length=100, streams=2)
    assert drawn.shape == (2, 500, 100)
    assert 0 <= drawn.min() < drawn.max() < 1
    histogram, _ = np.histogram(drawn, bins=20, range=(0, 1))
    expected = drawn.size / 20
    assert (
        (histogram - expected) ** 2 / expected
    ).sum() < 43.8  # chi-squared, 19 degrees of freedom, p = 0.001
    for one, other in (
        (drawn[0], drawn[1]),
        (drawn[0, :-1], drawn[0, 1:]),
        (drawn[0, :, :-1], drawn[0, :, 1:]),
    ):
        correlation = np.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1]
        assert correlation == pytest.approx(0, abs=0.02)


def test_random_numbers_of_a_sample_do_not_depend_on_its_batch() -> None:
    whole = uniforms(1, np.array([5, 6, 7]), length=8, streams=1)
    alone = uniforms(1, np.array([6]), length=8, streams=1)
    assert (alone[0, 0] == whole[0, 1]).all()


def test_normal_numbers_depend_on_the_sample_alone() -> None:
    drawn = normals(derive_seed(0, "test"), np.arange(400), length=101)
    assert drawn.shape == (400, 101)
    assert drawn.dtype == np.float32
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(1, abs=0.01)
    inside = [(np.abs(drawn) < bound).mean() for bound in (0.5, 1.0, 2.0, 3.0)]
    assert inside == pytest.approx([0.3829, 0.6827, 0.9545, 0.9973], abs=0.005)
    assert np.corrcoef(drawn[:, :50].reshape(-1), drawn[:, 51:].reshape(-1))[0, 1] == pytest.approx(
        0, abs=0.02
    )
    assert (normals(derive_seed(0, "test"), np.array([7]), length=101)[0] == drawn[7]).all()
