"""What the demonstration trains: the largest of three runs that a machine has time for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

BUDGET_SECONDS = 120.0
"""Of training, from the first job's first step."""
_LOG_EVERY = 2
_LOOK_STEPS = 20
_LOOK_SECONDS = 3.0
"""Whichever comes first is enough to tell the pace."""


@dataclass(frozen=True)
class Size:
    """A run that ends with a loss below the unigram entropy, where it has at least `fewest` steps.

    The text has half a megabyte. With a smaller vocabulary each token comes more often and is learned in fewer steps.
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
    """The job. Without dropout: in so few steps there is more to fit than to overfit."""
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
    """Steps a second over a run's first steps, without its very first, which warm up."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def saw(self, step: int, time: float) -> float | None:
        """Take a point: a step, and its Unix time by the clock of the machine that trains; None until enough is seen."""
        if self._first is None:
            self._first = (step, time)
            return None
        steps, seconds = step - self._first[0], time - self._first[1]
        enough = steps > 0 and seconds > 0 and (steps >= _LOOK_STEPS or seconds >= _LOOK_SECONDS)
        return steps / seconds if enough else None


def fitting(number: int, pace: float, seconds: float, sizes: Sequence[Size]) -> tuple[int, Size, bool]:
    """What to train where the size of that number goes at this pace and so many seconds are left.

    Returns:
        The number in `sizes` and the size with the steps to do: as it is where it fits, with fewer steps where those are
        enough to learn something, else the next smaller size; and whether its pace has still to be looked at.
    """
    size = sizes[number]
    possible = int(pace * seconds)
    if possible < size.fewest and number + 1 < len(sizes):
        return number + 1, sizes[number + 1], True
    return number, replace(size, steps=max(size.fewest, min(size.steps, possible))), False


def told(size: Size) -> str:
    """The size in words."""
    return f"{size.steps} steps of {size.batch * size.sequence} tokens, {size.preset}, a vocabulary of {size.vocabulary}"
