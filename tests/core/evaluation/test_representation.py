"""Metrics of representations, compared with values that follow from their definitions."""

import math

import pytest
import torch
from torch import Tensor

from core.evaluation.representation import alignment, deviation, has_collapsed, health, rankme, uniformity


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_rankme_counts_equal_directions() -> None:
    assert rankme(torch.eye(5)) == pytest.approx(5, rel=1e-4)
    assert rankme(torch.cat([torch.eye(3), torch.zeros(3, 4)], dim=1)) == pytest.approx(3, rel=1e-4)
    assert rankme(torch.ones(10, 4)) == pytest.approx(1, rel=1e-4)


def test_rankme_is_the_entropy_of_unequal_ones() -> None:
    shares = [0.5, 0.3, 0.2]
    expected = math.exp(-sum((p + 1e-7) * math.log(p + 1e-7) for p in shares))
    assert rankme(torch.diag(torch.tensor(shares)) * 40) == pytest.approx(expected, rel=1e-6)


def test_deviation_is_0_for_one_point_and_1_for_all_directions() -> None:
    assert deviation(torch.ones(20, 8) * 3) == 0
    assert deviation(noise(20_000, 8)) == pytest.approx(1, rel=0.01)
    assert deviation(noise(20_000, 8) + 100) < 0.02


def test_alignment_is_the_squared_distance_of_directions() -> None:
    first = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert alignment(first, first * 5) == 0
    assert alignment(first, torch.tensor([[0.0, 1.0], [0.0, -3.0]])) == pytest.approx((2 + 4) / 2)


def test_uniformity_is_the_log_of_the_mean_potential() -> None:
    angles = torch.tensor([0.0, 1.0, 2.5])
    points = torch.stack([angles.cos(), angles.sin()], dim=1)
    pairs = [(0, 1), (0, 2), (1, 2)]
    potentials = [math.exp(-2 * (2 - 2 * math.cos(float(angles[i] - angles[j])))) for i, j in pairs]
    assert uniformity(points * 7) == pytest.approx(math.log(sum(potentials) / 3), rel=1e-6)
    assert uniformity(torch.ones(4, 3)) == 0
    assert uniformity(torch.ones(1, 3)) == 0


def test_a_collapse_is_detected_and_a_spread_is_not() -> None:
    assert not has_collapsed(health(noise(50, 16)))
    assert has_collapsed(health(torch.ones(50, 16) + 1e-4 * noise(50, 16)))
    one_direction = noise(50, 1) * torch.ones(1, 16) + 1e-5 * noise(50, 16)
    assert has_collapsed(health(one_direction))
    assert not has_collapsed({})


def test_features_with_nan_have_no_metrics() -> None:
    values = health(torch.tensor([[1.0, math.nan], [0.0, 1.0]]))
    assert all(math.isnan(value) for value in values.values())
    assert not has_collapsed(values)
