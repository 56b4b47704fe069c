"""What the outcomes of all kinds of predictions have in common."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.evaluation.reports import Document, Shown

Show = Callable[[NDArray[np.int64]], Sequence[Shown]]
"""Gives what people see of the samples at some positions of the outcomes."""


class Outcomes(abc.ABC):
    """Predictions of N samples, and what is true of them."""

    noun: ClassVar[str | None] = None
    """What a sample is, in the plural; None: what the data consist of, such as images."""

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @property
    @abc.abstractmethod
    def values(self) -> dict[str, float]:
        """The measures over all samples, by name; NaN where one is not defined."""

    @abc.abstractmethod
    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        """The measures of a resample, by name, for the bootstrap: what `values` of the repeated samples would be.

        A measure that is not defined for the resample is left out or NaN.

        Args:
            counts: How often each sample occurs in the resample, shape (N,); at least one is above 0.
        """

    @property
    def correct(self) -> Mapping[str, NDArray[np.bool_]]:
        """Which samples are predicted correctly, shape (N,), by the name of the measure that is their share."""
        return {}

    @abc.abstractmethod
    def documents(self, show: Show) -> list[Document]:
        """Tables and pictures (`core.evaluation.reports`); empty without samples."""


def share(part: float, whole: float) -> float:
    """``part / whole``; 0 for 0 of 0, as scikit-learn and torchmetrics have it for precision, recall and F1."""
    return float(part / whole) if whole else 0.0


def shares(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """`share` of each class."""
    found: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return found
