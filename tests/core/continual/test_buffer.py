"""The choice of a replay buffer, against slow references and hand-made cases; and how batches are mixed."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

from core.continual.buffer import (
    groups_of_classes,
    groups_of_stages,
    herding,
    nearest_to_mean,
    quotas,
    reservoir,
)
from core.data.sampling import mixed_indices, sample_indices


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([10, 10, 10], 11, [4, 4, 3]),
        ([2, 10, 10], 12, [2, 5, 5]),  # what a small group lacks, the others have
        ([1, 2, 30], 9, [1, 2, 6]),
        ([3, 4], 100, [3, 4]),  # larger than the data
        ([0, 4], 3, [0, 3]),
        ([5, 5, 5], 2, [1, 1, 0]),
    ],
)
def test_a_buffer_has_equally_many_of_each_group(sizes: list[int], total: int, expected: list[int]) -> None:
    assert quotas(sizes, total) == expected


def test_groups_are_the_stages_or_the_classes_of_all_stages() -> None:
    assert [group.tolist() for group in groups_of_stages([2, 3])] == [[0, 1], [2, 3, 4]]
    labels = np.array([0, 1, 0, 2, 1, 2, 2])
    assert [group.tolist() for group in groups_of_classes(labels)] == [[0, 2], [1, 4], [3, 5, 6]]


def test_a_reservoir_is_a_function_of_the_seed_without_repetition() -> None:
    groups = groups_of_stages([50, 200])
    one, same, other = (reservoir(seed, groups, 40) for seed in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()
    assert len(set(one.tolist())) == 40
    assert Counter((one >= 50).tolist()) == {False: 20, True: 20}


def test_every_sample_is_as_likely_to_be_in_a_reservoir() -> None:
    found = Counter(n for seed in range(2000) for n in reservoir(seed, groups_of_stages([20]), 5).tolist())
    # Binomial(2000, 1/4): 500 with a deviation of 19.4.
    assert min(found.values()) > 500 - 5 * 19.4
    assert max(found.values()) < 500 + 5 * 19.4


def test_herding_takes_the_samples_whose_mean_is_nearest() -> None:
    # Directions 0, 90, 10 and 45 degrees: the mean of all is at 34.6 degrees. The nearest to it alone is 45; with it, 10 degrees
    # gives a mean nearest to that of all.
    angles = torch.deg2rad(torch.tensor([0.0, 90.0, 10.0, 45.0]))
    features = 3.0 * torch.stack([angles.cos(), angles.sin()], dim=1)
    assert nearest_to_mean(features, 2).tolist() == [3, 2]


def test_herding_is_that_of_a_slow_reference() -> None:
    features = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    unit = features.double() / features.double().norm(dim=1, keepdim=True)
    mean, chosen = unit.mean(dim=0), list[int]()
    while len(chosen) < 12:
        left = [n for n in range(30) if n not in chosen]
        distances = [(mean - unit[[*chosen, n]].mean(dim=0)).norm().item() for n in left]
        chosen.append(left[int(np.argmin(distances))])
    assert nearest_to_mean(features, 12).tolist() == chosen
    groups = [np.arange(30, dtype=np.int64) + 7, np.arange(3, dtype=np.int64)]
    picked = herding(lambda numbers: features[torch.from_numpy(numbers - 7)], groups, 15)
    assert picked.tolist() == sorted([0, 1, 2, *(n + 7 for n in chosen)])


@pytest.mark.parametrize("share", [0.5, 0.1, 0.8, 0.333])
@pytest.mark.parametrize("parts", [(1, 8), (2, 5), (4, 1)])
def test_the_share_of_a_buffer_holds_over_the_run(share: float, parts: tuple[int, int]) -> None:
    own, buffer = [], []
    for step in range(1, 41):
        found = mixed_indices((3, 4), step, parts, (23, 7), share)
        assert found.shape == parts
        for part in found:
            from_buffer = part >= 23
            assert abs(from_buffer.sum() - share * parts[1]) < 1
            assert (np.sort(from_buffer) == from_buffer).all()  # the last ones
            own += part[~from_buffer].tolist()
            buffer += (part[from_buffer] - 23).tolist()
    assert len(buffer) == Fraction(repr(share)) * 40 * parts[0] * parts[1] // 1
    # Both sources are read epoch by epoch, each epoch in an order of its own.
    assert own == sample_indices(3, 1, len(own), 23).tolist()
    assert buffer == sample_indices(4, 1, len(buffer), 7).tolist()
