"""Chooses what the demonstration trains: the largest of three runs that fits the time budget. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

BUDGET_SECONDS = 120.0
"""Seconds of training, counted from the first job's first step."""
_LOG_EVERY = 2
_MEASURED_STEPS = 20
_MEASURED_SECONDS = 3.0
"""The pace is known after so many steps or so many seconds, whichever comes first."""


@dataclass(frozen=True)
class Size:
    """One size of run. With at least `fewest` steps it ends with a loss below the unigram entropy.

    The text has half a megabyte. With a smaller vocabulary each token is more frequent and is learned in fewer steps.
    """

    preset: str
    vocabulary: int
    batch: int
    sequence: int
    learning_rate: float
    steps: int
    fewest: int


SIZES: tuple[Size, ...] = (
    Size("bert-mini", 1024, batch=32, sequence=128, learning_rate=1e-3, steps=600, fewest=400),
    Size("bert-tiny", 512, batch=16, sequence=64, learning_rate=2e-3, steps=1500, fewest=300),
    Size("bert-tiny", 320, batch=16, sequence=64, learning_rate=2e-3, steps=600, fewest=150),
)


def spec(dataset: str, size: Size, precision: Precision) -> dict[str, Any]:
    """The job's spec. Dropout is 0: in so few steps the model underfits, so regularisation only slows it down."""
    return {
        "name": "python-docs",
        "dataset": dataset,
        "task": {"kind": "masked_lm", "mask_probability": 0.15},
        "model": {"preset": size.preset, "dropout": 0.0},
        "data": {"tokenizer": {"vocabulary_size": size.vocabulary}},
        "training": {
            "steps": size.steps,
            "batch_size": size.batch,
            "sequence_length": size.sequence,
            "seed": 0,
            "precision": precision,
            "optimizer": {"kind": "adamw", "learning_rate": size.learning_rate, "weight_decay": 0.01},
            "schedule": {"kind": "cosine", "warmup_steps": min(50, size.steps // 2)},
            "log_every": _LOG_EVERY,
            "evaluate_every": 100,
            "checkpoint_every": 200,
        },
        "resources": {"device": "auto"},
    }


class Pace:
    """Measures steps a second over a run's first steps, without those before its first point, which warm up."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def measure(self, step: int, time: float) -> float | None:
        """Add a metric point.

        Args:
            step: The point's step.
            time: Its Unix time in seconds, by the clock of the machine that trains.

        Returns:
            Steps a second; None until there are enough points.
        """
        if self._first is None:
            self._first = (step, time)
            return None
        steps, seconds = step - self._first[0], time - self._first[1]
        enough = steps > 0 and seconds > 0 and (steps >= _MEASURED_STEPS or seconds >= _MEASURED_SECONDS)
        return steps / seconds if enough else None


def fitting(number: int, pace: float, seconds: float, sizes: Sequence[Size]) -> tuple[int, Size, bool]:
    """The size to train, given the measured pace of one size and the time that is left.

    Args:
        number: The index in `sizes` of the measured size.
        pace: Its steps a second.
        seconds: The time left for training.
        sizes: All sizes, the largest first.

    Returns:
        The index of the chosen size; the size with its number of steps; whether its pace has still to be measured. The
        measured size is kept if it fits, with fewer steps if `Size.fewest` of them fit; else the next smaller one is taken.
    """
    size = sizes[number]
    possible = int(pace * seconds)
    if possible < size.fewest and number + 1 < len(sizes):
        return number + 1, sizes[number + 1], True
    return number, replace(size, steps=max(size.fewest, min(size.steps, possible))), False


def describe(size: Size) -> str:
    """A sentence fragment about the size, for messages."""
    return f"{size.steps} steps of {size.batch * size.sequence} tokens, {size.preset}, a vocabulary of {size.vocabulary}"
