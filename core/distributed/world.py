"""This process's place among those that train together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class World:
    """Process ``rank`` of ``size``. Sums over the world are what its one process has."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process speaks for all: events, checkpoints, evaluation's numbers."""
        return self.rank == 0

    def share(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's part of the samples that all train on, shape (N,) → (N / size,)."""
        share: NDArray[np.int64] = samples.reshape(self.size, -1)[self.rank]
        return share
