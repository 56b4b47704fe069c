"""Outcomes of predictions of a number for each sample."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluation.classification import number
from core.evaluation.number_reports import number_documents
from core.evaluation.outcomes.base import Outcomes, Show
from core.evaluation.reports import Document


class NumberOutcomes(Outcomes):
    """Predicted and true numbers.

    Args:
        predicted: Shape (N,).
        truth: Shape (N,).
    """

    def __init__(self, predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> None:
        self._predicted, self._truth = predicted.astype(np.float64), truth.astype(np.float64)

    def __len__(self) -> int:
        return len(self._truth)

    @property
    def values(self) -> dict[str, float]:
        return number(torch.from_numpy(self._predicted), torch.from_numpy(self._truth))

    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        total = int(counts.sum())
        errors = self._predicted - self._truth
        squares = float(counts @ errors**2)
        found = {
            "loss": squares / total,
            "mean_absolute_error": float(counts @ np.abs(errors)) / total,
        }
        if not np.isfinite(self._predicted[counts > 0]).all():
            return found
        if _varies(self._by_truth, counts) and _varies(self._by_prediction, counts):
            ranks = _ranks(self._by_prediction, counts), _ranks(self._by_truth, counts)
            found["pearson"] = _correlation(self._predicted, self._truth, counts)
            found["spearman"] = _correlation(*ranks, counts)
        if _varies(self._by_truth, counts):
            spread = float(counts @ (self._truth - counts @ self._truth / total) ** 2)
            found["r2"] = 1 - squares / spread
        return found

    def documents(self, show: Show) -> list[Document]:
        return number_documents(self._predicted, self._truth, show)

    @cached_property
    def _by_prediction(self) -> NDArray[np.int64]:
        return np.unique(self._predicted, return_inverse=True)[1]

    @cached_property
    def _by_truth(self) -> NDArray[np.int64]:
        return np.unique(self._truth, return_inverse=True)[1]


def _ranks(levels: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The rank of each sample in a resample, from 1; equal numbers have the mean of their ranks.

    Args:
        levels: The position of each sample's number among the different numbers in order, shape (N,).
    """
    there = np.bincount(levels, counts)
    return np.asarray((np.cumsum(there) - (there - 1) / 2)[levels])


def _varies(levels: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """Whether a resample has two different numbers."""
    return int(np.count_nonzero(np.bincount(levels, counts))) > 1


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Pearson's correlation of a resample in which neither is constant."""
    total = counts.sum()
    first, second = (part - counts @ part / total for part in (first, second))
    return float(counts @ (first * second) / np.sqrt((counts @ first**2) * (counts @ second**2)))
