"""What the prepared data of all modalities has in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "held_out"]
SPLITS: tuple[SplitName, SplitName] = ("train", "held_out")


@dataclass(frozen=True)
class SkippedSample:
    """A sample that could not be used."""

    sample: str
    """The file, and the member or row in it."""
    reason: str


class Prepared(Protocol):
    """A dataset's immutable, content-addressed form on disk. All runs with the same data share it."""

    @property
    def key(self) -> str:
        """The key, derived from everything that the prepared data depends on."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The fields of the ``prepared`` event: counts by name."""


class Samples(Protocol):
    """The samples of a split, read by index. The same index gives the same sample each time."""

    def __len__(self) -> int: ...

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class of each sample, shape (N,), -1 where it has none. None where the kind of data has no labels.

        Only probes use them; pretraining does not.
        """

    def rows(self, indices: NDArray[np.int64], /) -> NDArray[Any]:
        """The raw samples at ``indices``, shape (B, …)."""

    def require(self, count: int, /) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
