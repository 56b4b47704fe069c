"""How long a step takes: real steps of the real loop, timed one by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.objectives.base import Batch
from core.training.loop import Run, optimize

WARM_UP = 3
"""Steps before the clock counts: kernels are chosen, memory is taken, networks are compiled."""
_FEWEST, _MOST = 10, 200
_SECONDS = 8.0
_PATIENCE = 60.0
"""With steps that take long, fewer than the fewest must do, but three."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each step, and what the steps read."""

    seconds: NDArray[np.float64]
    samples: int
    tokens: int
    """Both in all timed steps together."""

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def quantile(self, share: float) -> float:
        """Seconds that this share of the steps needed at most."""
        return float(np.quantile(self.seconds, share))


def time_steps(run: Run, on_progress: Callable[[float], None]) -> Timing:
    """Take the run's first steps; the networks and optimisers have moved on afterwards.

    Args:
        on_progress: told the share that is done.
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
    """The next step's parts, and its seconds: waiting for data and computing."""
    started = time.perf_counter()
    run.step += 1
    parts = run.batches.take(run.step)
    # The loop reads the loss now and then; here it is read each time, which is what ends the step on a GPU.
    optimize(run, parts).loss.item()
    return parts, time.perf_counter() - started
