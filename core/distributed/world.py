"""`World`: this process's rank, and the number of processes that train together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class World:
    """Process ``rank`` of ``size``. With one process, a sum over the world is that process's own value."""

    rank: int = 0
    size: int = 1

    def share(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's share of the samples of all processes, shape (N,) → (N / size,)."""
        share: NDArray[np.int64] = samples.reshape(self.size, -1)[self.rank]
        return share
