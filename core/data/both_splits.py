"""Both splits of a dataset as one sequence of samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import Samples


class BothSplits:
    """The training samples, then the held-out ones."""

    def __init__(self, train: Samples, held_out: Samples) -> None:
        self._parts = (train, held_out)
        self._border = len(train)

    def __len__(self) -> int:
        return self._border + len(self._parts[1])

    @property
    def labels(self) -> NDArray[np.int64] | None:
        train, held_out = (part.labels for part in self._parts)
        return None if train is None or held_out is None else np.concatenate([train, held_out])

    @property
    def recordings(self) -> NDArray[np.int64] | None:
        """The number of the recording that each sample is from, shape (len,); None where samples are no clips of recordings."""
        train, held_out = (recordings_of(part) for part in self._parts)
        if train is None or held_out is None:
            return None
        return np.concatenate([train, held_out + train.max(initial=-1) + 1])

    @property
    def chosen(self) -> NDArray[np.int64]:
        """Which samples of the splits these are: the numbers in the training split, -1, and those in the held-out one."""
        return np.concatenate([chosen_of(self._parts[0]), [-1], chosen_of(self._parts[1])])

    @property
    def texts(self) -> Sequence[str]:
        """The transcripts of recordings that have one."""
        parts: Any = self._parts
        return [*parts[0].texts, *parts[1].texts]

    def rows(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The raw samples at ``indices``, shape (B, …); of rows of different lengths only one split at a time."""
        first = indices < self._border
        if first.all():
            return self._parts[0].rows(indices)
        if not first.any():
            return self._parts[1].rows(indices - self._border)
        train = self._parts[0].rows(indices[first])
        rows = np.empty((len(indices), *train.shape[1:]), dtype=train.dtype)
        rows[first] = train
        rows[~first] = self._parts[1].rows(indices[~first] - self._border)
        return rows

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
        self._parts[0].require(count - len(self._parts[1]))


def recordings_of(samples: Samples) -> NDArray[np.int64] | None:
    """The number of the recording that each sample is from; None where samples are no clips of recordings."""
    found: NDArray[np.int64] | None = getattr(samples, "recordings", None)
    return found


def chosen_of(samples: Samples) -> NDArray[np.int64]:
    """Which of the split's samples these are, where some are left out."""
    found: NDArray[np.int64] = getattr(samples, "chosen", np.arange(len(samples), dtype=np.int64))
    return found
