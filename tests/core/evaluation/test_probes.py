"""The two probes, compared with slow references and checked for repeatability."""

import math

import pytest
import torch
from torch import Tensor

from core.evaluation.probes import knn_accuracy, linear_accuracy


def clusters(count: int, seed: int, *, spread: float = 0.5) -> tuple[Tensor, Tensor]:
    dice = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.tensor([[3.0, 0.0, 0.0, 1.0], [0.0, 3.0, 0.0, 1.0], [0.0, 0.0, 3.0, 1.0]])
    return centres[labels] + spread * torch.randn(count, 4, generator=dice), labels


def slow_knn(
    features: Tensor, labels: Tensor, held_out: Tensor, truth: Tensor, k: int, temperature: float
) -> float:
    right = 0
    for asked, label in zip(held_out, truth, strict=True):
        cosines = [float(asked @ one / asked.norm() / one.norm()) for one in features]
        nearest = sorted(range(len(cosines)), key=lambda i: -cosines[i])[:k]
        votes: dict[int, float] = {}
        for i in nearest:
            votes[int(labels[i])] = votes.get(int(labels[i]), 0) + math.exp(cosines[i] / temperature)
        right += max(votes, key=lambda name: votes[name]) == int(label)
    return right / len(truth)


@pytest.mark.parametrize("neighbours", [1, 5, 20, 200])
def test_nearest_neighbours_vote_as_the_slow_reference_does(neighbours: int) -> None:
    known, asked = clusters(60, 0, spread=2.0), clusters(40, 1, spread=2.0)
    expected = slow_knn(*known, *asked, min(neighbours, 60), 0.07)
    assert knn_accuracy(*known, *asked, neighbours=neighbours) == pytest.approx(expected)
    assert 0.34 < expected < 1


def test_the_regression_is_at_the_minimum_of_its_loss() -> None:
    """Its accuracy is that of plain gradient descent after many steps."""
    known, asked = clusters(60, 0, spread=2.0), clusters(200, 1, spread=2.0)
    mean, spread = known[0].double().mean(0), known[0].double().std(0, correction=0)
    x, y = (known[0].double() - mean) / spread, (asked[0].double() - mean) / spread
    weights, bias = torch.zeros(4, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    truth = torch.nn.functional.one_hot(known[1], 3)
    for _ in range(2000):
        residual = ((x @ weights + bias).softmax(1) - truth) / 60
        weights -= x.T @ residual + 2e-3 * weights
        bias -= residual.sum(0)
    expected = ((y @ weights + bias).argmax(1) == asked[1]).float().mean().item()
    assert linear_accuracy(*known, *asked) == pytest.approx(expected, abs=0.006)
    assert 0.5 < expected < 1


def test_the_same_features_give_the_same_figure_whatever_torch_drew_before() -> None:
    known, asked = clusters(60, 0, spread=2.0), clusters(40, 1, spread=2.0)
    torch.manual_seed(1)
    first = linear_accuracy(*known, *asked), knn_accuracy(*known, *asked)
    torch.manual_seed(2)
    with torch.no_grad():
        assert (linear_accuracy(*known, *asked), knn_accuracy(*known, *asked)) == first


def test_a_constant_feature_is_ignored() -> None:
    (x, labels), (y, truth) = clusters(60, 0), clusters(40, 1)
    x, y = (torch.cat([part, torch.full((len(part), 1), 7.0)], 1) for part in (x, y))
    assert linear_accuracy(x, labels, y, truth) > 0.95


def test_a_class_without_training_samples_is_never_predicted_correctly() -> None:
    (x, labels), (y, _) = clusters(60, 0), clusters(9, 1)
    unseen = torch.full((9,), 5)
    assert knn_accuracy(x, labels, y, unseen) == 0
    assert linear_accuracy(x, labels, y, unseen) == 0


def test_held_out_samples_do_not_change_the_standardisation() -> None:
    """Held-out samples of a single class: standardised by their own statistics they would lie on both sides of the boundary."""
    dice = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1] * 50)
    features = torch.randn(100, 4, generator=dice) * 0.1
    features[:, 0] += 2.0 * labels + 5.0
    asked = torch.randn(40, 4, generator=dice) * 0.1
    asked[:, 0] += 7.0
    ones = torch.ones(40, dtype=torch.int64)
    assert linear_accuracy(features, labels, asked, ones) == 1.0
    assert linear_accuracy(features, labels, asked[:1], ones[:1]) == 1.0
