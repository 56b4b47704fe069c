"""For any number of samples, no metric holds a value for each pair of samples, or for each sample and class, in memory at once."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from core.evaluation import probes, representation
from core.evaluation.probes import knn_accuracy, linear_accuracy
from core.evaluation.representation import uniformity

COUNT, WIDTH, CLASSES = 300, 4, 50


class _Largest(TorchDispatchMode):
    """Records the number of elements of the largest tensor that an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, tuple | list) else [result]:
            if isinstance(one, Tensor):
                self.elements = max(self.elements, one.numel())
        return result


@pytest.fixture(params=[1 << 22, 4000, 1])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All samples at once, several blocks of uneven size, or one sample at a time."""
    monkeypatch.setattr(probes, "_AT_ONCE", request.param)
    monkeypatch.setattr(representation, "_PAIRS_AT_ONCE", request.param)
    return int(request.param)


def _features(seed: int, count: int = COUNT) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def _largest(measure: Callable[[], float]) -> tuple[float, int]:
    with _Largest() as largest:
        value = measure()
    return value, largest.elements


def _bound(at_once: int, row: int) -> int:
    """The size of a block, which is at least one sample's row; or the size of the features themselves."""
    return max(at_once, row, COUNT * WIDTH)


def test_uniformity_is_that_of_all_pairs(at_once: int) -> None:
    features = _features(0)
    distances = torch.pdist(functional.normalize(features.double())).square()
    expected = math.log(float((-2 * distances).exp().mean()))
    value, largest = _largest(lambda: uniformity(features))
    assert value == pytest.approx(expected, rel=1e-12)
    assert largest <= _bound(at_once, COUNT)


def test_nearest_neighbours_are_searched_among_all_samples(at_once: int) -> None:
    features, held_out = _features(0), _features(1, 200)
    labels, truth = torch.arange(COUNT) % 3, torch.arange(200) % 3
    cosines = functional.normalize(held_out) @ functional.normalize(features).T
    near, at = cosines.topk(20, dim=1)
    votes = torch.stack([((near / 0.07).exp() * (labels[at] == name)).sum(1) for name in range(3)], 1)
    expected = (votes.argmax(1) == truth).float().mean().item()
    value, largest = _largest(lambda: knn_accuracy(features, labels, held_out, truth))
    assert value == pytest.approx(expected)
    assert largest <= _bound(at_once, COUNT)


def test_the_regression_takes_scores_of_some_samples_at_once(at_once: int) -> None:
    features = _features(0)
    labels = (torch.arange(COUNT) * 7) % CLASSES
    held_out, truth = features + 0.01 * _features(1), labels
    whole = linear_accuracy(features[:20], labels[:20], held_out[:20], truth[:20])
    assert whole > 0.9
    value, largest = _largest(lambda: linear_accuracy(features, labels, held_out, truth, iterations=3))
    assert 0 <= value <= 1
    assert largest <= _bound(at_once, CLASSES)


def test_the_regression_leaves_the_features_as_they_are() -> None:
    features, held_out = _features(0).double(), _features(1).double()
    before = features.clone(), held_out.clone()
    labels = torch.arange(COUNT) % 3
    linear_accuracy(features, labels, held_out, labels)
    assert torch.equal(features, before[0])
    assert torch.equal(held_out, before[1])
