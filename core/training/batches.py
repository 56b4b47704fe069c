"""The data loader: makes a step's batch in a thread while the step before it is computed."""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.data import Samples, sample_indices
from core.data.sampling import mixed_indices
from core.distributed.world import World
from core.objectives.base import Batch, Objective
from core.randomness import derive_seed
from core.spec.training import TrainingSpec


@dataclass(frozen=True, slots=True)
class Replayed:
    """Further samples that a share of each batch is drawn from. `Objective.collate` knows them by the numbers that follow those of
    the training split."""

    samples: Samples
    share: float
    """Of each batch, above 0 and below 1."""


class BatchStream:
    """Batches as a function of the step; prefetching one step ahead changes none of them.

    Args:
        objective: turns raw samples into inputs and targets.
        samples: the training split.
        training: batch size, gradient accumulation and seed.
        world: determines this process's share of each micro-batch.
        replayed: a second source of samples. None: there is none.
    """

    def __init__(
        self,
        objective: Objective,
        samples: Samples,
        training: TrainingSpec,
        world: World,
        replayed: Replayed | None = None,
    ) -> None:
        self._objective = objective
        self._samples = samples
        self._training = training
        self._world = world
        self._replayed = replayed
        self._ahead: dict[int, Future[list[Batch]]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self.seconds_waited = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, step: int) -> list[Batch]:
        """The micro-batches of step ``step`` (1-based), on the CPU."""
        started = time.perf_counter()
        future = self._ahead.pop(step, None)
        parts = future.result() if future else self.make(step)
        self.seconds_waited += time.perf_counter() - started
        if step < self._training.total_steps:
            self._ahead = {step + 1: self._thread.submit(self.make, step + 1)}
        return parts

    def sample_ids(self, step: int) -> NDArray[np.int64]:
        """Ids of the samples that step ``step`` trains on, in all processes, shape (batch_size,). Those of the second source follow
        those of the training split."""
        training, size = self._training, self._training.sequences_per_step
        if self._replayed is None:
            return sample_indices(training.seed, step, size, len(self._samples))
        return mixed_indices(
            (training.seed, derive_seed(training.seed, "replay")),
            step,
            (training.accumulation_steps, size // training.accumulation_steps),
            (len(self._samples), len(self._replayed.samples)),
            self._replayed.share,
        ).reshape(-1)

    def make(self, step: int) -> list[Batch]:
        """The micro-batches that `take` returns for step ``step``, made now; changes no state."""
        key = derive_seed(self._training.seed, "batch", step)
        parts: Iterable[NDArray[np.int64]] = self.sample_ids(step).reshape(
            self._training.accumulation_steps, -1
        )
        shares = (self._world.share(part) for part in parts)
        return [
            replace(self._objective.collate(self._rows(share), share, key), ids=share) for share in shares
        ]

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        if self._replayed is None:
            return self._samples.rows(ids)
        # The order of `mixed_indices`: the samples of the buffer come last.
        own = len(self._samples)
        sources = (self._samples.rows(ids[ids < own]), self._replayed.samples.rows(ids[ids >= own] - own))
        return self._objective.joined([rows for rows in sources if len(rows)])
