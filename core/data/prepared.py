"""What every modality's prepared data has in common."""

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
    """A dataset's immutable, content-addressed form on disk, shared by every run that names it."""

    @property
    def key(self) -> str:
        """Names it by all that it was made from."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the ``prepared`` event tells of it: counts by name."""


class Samples(Protocol):
    """Samples of a part that can be read by index, the same ones for the same index each time."""

    def __len__(self) -> int: ...

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class of each sample, shape (N,), -1 where it has none; None for data of a kind that brings no labels.

        Probes alone look at them; pretraining never does.
        """

    def rows(self, indices: NDArray[np.int64], /) -> NDArray[Any]:
        """The raw samples at ``indices``, shape (B, …)."""

    def require(self, count: int, /) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
