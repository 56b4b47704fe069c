"""Probes are trained and scored on the right samples; views differ; each collapse is reported."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import DataError
from core.events import Events
from core.spec.training import TrainingSpec
from core.training.probing import CollapseAlarm, examine, spread
from tests.core.training.networks import Network
from tests.core.training.runs import Told


@dataclass
class Labelled:
    """Images by index, with labels."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.images[indices]

    def require(self, count: int) -> None:
        if len(self) < count:
            raise DataError("data_too_small", "too few")


class Brightness(Network):
    """An encoder whose features are the brightness of the four quarters of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[NDArray[Any]] = []

    def encode(self, rows: NDArray[Any]) -> Tensor:
        self.asked.append(rows)
        pixels = torch.from_numpy(rows).float()[..., 0] / 255
        return torch.nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(1) - 0.5


def images(labels: list[int], seed: int) -> Labelled:
    """Dark images of class 0, bright ones of class 1, and some without a class that are as bright as any."""
    dice = np.random.default_rng(seed)
    levels = [{0: 60, 1: 190}.get(label, int(dice.integers(60, 190))) for label in labels]
    pixels = np.stack([dice.integers(level - 20, level + 20, (12, 12, 1)) for level in levels])
    return Labelled(pixels.astype(np.uint8), np.array(labels))


TRAINING = TrainingSpec(steps=1, probe_samples=10)
TRAIN = images([-1] * 20 + [1, 1, 1, 0, 0, 1, 0] * 6, seed=0)
HELD_OUT = images([1, 1, 1, -1, 0, -1, 0, 0, 1, 0, 0, 1], seed=1)
ASKED = np.array([3, 4, 6, 8, 10, 11, 5])
"""A different order of classes than in the first seven held-out images."""


def test_probes_are_right_if_brightness_determines_the_class() -> None:
    values = examine(Brightness(), TRAIN, HELD_OUT, ASKED, TRAINING)
    assert values["probe/knn_accuracy"] == values["probe/linear_accuracy"] == 1.0
    swapped = Labelled(HELD_OUT.images, np.where(HELD_OUT.labels >= 0, 1 - HELD_OUT.labels, -1))
    values = examine(Brightness(), TRAIN, swapped, ASKED, TRAINING)
    assert values["probe/knn_accuracy"] == values["probe/linear_accuracy"] == 0.0


def test_probes_use_only_labelled_training_samples_up_to_the_limit() -> None:
    encoder = Brightness()
    examine(encoder, TRAIN, HELD_OUT, ASKED, TRAINING)
    held_out, *_, taught = encoder.asked
    assert np.array_equal(held_out, HELD_OUT.images[ASKED])
    labelled = np.flatnonzero(TRAIN.labels >= 0)
    assert np.array_equal(taught, TRAIN.images[labelled[[number * 42 // 10 for number in range(10)]]])


@pytest.mark.parametrize(
    ("train", "held_out", "probe_samples"),
    [
        (TRAIN, HELD_OUT, 0),
        (images([-1] * 9, seed=2), HELD_OUT, 10),
        (images([1] * 9, seed=2), HELD_OUT, 10),
        (TRAIN, images([-1] * 12, seed=2), 10),
    ],
    ids=["none asked for", "nothing labelled", "one class", "nobody to ask"],
)
def test_without_labels_there_are_representation_metrics_and_no_probes(
    train: Labelled, held_out: Labelled, probe_samples: int
) -> None:
    training = TrainingSpec(steps=1, probe_samples=probe_samples)
    values = examine(Brightness(), train, held_out, ASKED, training)
    assert values.keys() == {"health/rankme", "health/std", "health/uniformity", "health/alignment"}


def test_alignment_compares_two_different_views_of_each_image() -> None:
    encoder = Brightness()
    values = examine(encoder, TRAIN, HELD_OUT, ASKED, TrainingSpec(steps=1, probe_samples=0))
    _, first, second = encoder.asked
    assert first.shape == second.shape == (7, 12, 12, 1)
    assert all(not np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert values["health/alignment"] > 0
    again = examine(Brightness(), TRAIN, HELD_OUT, ASKED, TrainingSpec(steps=1, probe_samples=0))
    assert again == values


@pytest.mark.parametrize(
    ("count", "size", "chosen"),
    [(4, 100, [0, 25, 50, 75]), (3, 7, [0, 2, 4]), (9, 4, [0, 1, 2, 3]), (5, 0, []), (1, 9, [0])],
)
def test_probed_samples_are_spread_over_the_whole_split(count: int, size: int, chosen: list[int]) -> None:
    assert spread(count, size).tolist() == chosen


def test_each_collapse_is_reported_once() -> None:
    told = Told()
    alarm = CollapseAlarm(Events(told))
    fine, collapsed = {"health/std": 0.8, "health/rankme": 9.0}, {"health/std": 1e-4, "health/rankme": 1.0}
    heard = [
        alarm.observe(values, step)
        for step, values in enumerate([fine, collapsed, collapsed, fine, collapsed])
    ]
    assert heard == [False, True, True, False, True]
    assert [one["code"] for one in told] == ["representation_collapse"] * 2
    assert not alarm.observe({}, 9), "of a task that learns no representation"
