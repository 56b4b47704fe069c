"""Times a job's steps one by one, in the real training loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.objectives.base import Batch
from core.training.loop import Run, optimize

WARM_UP = 3
"""Warm-up steps that are not timed: kernels are chosen, memory is allocated, networks are compiled."""
_FEWEST, _MOST = 10, 200
_SECONDS = 8.0
_PATIENCE = 60.0
"""Seconds of timing after which fewer than `_FEWEST` steps are enough, but at least three."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each step, and what the steps read."""

    seconds: NDArray[np.float64]
    samples: int
    tokens: int
    """Total of all timed steps, as for the field above."""

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def quantile(self, share: float) -> float:
        """The quantile of the step times, in seconds: this share of the steps took at most that long."""
        return float(np.quantile(self.seconds, share))


def time_steps(run: Run, on_progress: Callable[[float], None]) -> Timing:
    """Do the run's first steps; this changes the networks and optimisers.

    Args:
        on_progress: called with the share that is done.
    """
    run.objective.train()
    for _ in range(WARM_UP):
        _step(run)
    seconds: list[float] = []
    samples = tokens = 0
    begun = time.perf_counter()
    while True:
        parts, took = _step(run)
        seconds.append(took)
        samples += sum(part.samples for part in parts)
        tokens += sum(part.tokens for part in parts)
        elapsed = time.perf_counter() - begun
        if len(seconds) >= _MOST or (elapsed >= _SECONDS and len(seconds) >= _FEWEST):
            break
        if elapsed >= _PATIENCE and len(seconds) >= 3:
            break
        on_progress(min(0.99, max(len(seconds) / _MOST, min(elapsed / _SECONDS, len(seconds) / _FEWEST))))
    return Timing(np.array(seconds), samples, tokens)


def _step(run: Run) -> tuple[list[Batch], float]:
    """The next step's micro-batches, and its seconds: waiting for data and computing."""
    started = time.perf_counter()
    run.step += 1
    parts = run.batches.take(run.step)
    # The loss is read after each step, not occasionally as in the loop, because on a GPU reading it waits for the step.
    optimize(run, parts).loss.item()
    return parts, time.perf_counter() - started
