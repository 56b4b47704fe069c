"""Outcomes of predictions of one class for each sample."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.evaluation.classification import BINS, TOP, single_label
from core.evaluation.outcomes.base import Outcomes, Show, shares
from core.evaluation.outcomes.ranking import LARGEST, Ranking
from core.evaluation.reports import Document, bins_of, classification_documents


class ClassOutcomes(Outcomes):
    """Scores of classes and the true class of each sample.

    Args:
        scores: Logits, shape (N, C), C at least 2.
        labels: Shape (N,).
        classes: Names of the C classes.
    """

    def __init__(self, scores: Tensor, labels: NDArray[np.int64], classes: Sequence[str]) -> None:
        self._scores, self._labels, self._classes = scores.double().cpu(), labels, classes

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def values(self) -> dict[str, float]:
        return single_label(self._scores, torch.from_numpy(self._labels))

    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        number, total = len(self._classes), int(counts.sum())
        labels, predicted, correct = self._labels, self._predicted, self._correct
        truth, said, right = (
            np.bincount(of, weights, minlength=number)
            for of, weights in (
                (labels, counts),
                (predicted, counts),
                (labels[correct], counts[correct]),
            )
        )
        there = truth + said > 0
        found = {
            "loss": float(counts @ self._losses) / total,
            "accuracy": float(right.sum()) / total,
            "micro_f1": float(right.sum()) / total,
            "macro_f1": float(shares(2 * right, truth + said)[there].mean()),
            "macro_precision": float(shares(right, said)[there].mean()),
            "macro_recall": float(shares(right, truth)[there].mean()),
            "calibration_error": float(
                np.abs(np.bincount(self._bins, counts * self._distances, minlength=BINS)).sum() / total
            ),
        }
        if self._ranking is not None and np.count_nonzero(truth) > 1:
            found["auroc"] = float(self._ranking.areas(counts)[truth > 0].mean())
        if number > TOP:
            found[f"top{TOP}_accuracy"] = float(counts @ self._among_first) / total
        return found

    @property
    def correct(self) -> Mapping[str, NDArray[np.bool_]]:
        return {"accuracy": self._correct}

    def documents(self, show: Show) -> list[Document]:
        return classification_documents(self._probabilities, self._labels, self._classes, show)

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._scores.softmax(dim=1).numpy()
        return found

    @cached_property
    def _predicted(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self._scores.argmax(dim=1).numpy()
        return found

    @cached_property
    def _correct(self) -> NDArray[np.bool_]:
        return np.asarray(self._predicted == self._labels)

    @cached_property
    def _losses(self) -> NDArray[np.float64]:
        logs = self._scores.log_softmax(dim=1).numpy()
        return np.asarray(-logs[np.arange(len(self)), self._labels])

    @cached_property
    def _bins(self) -> NDArray[np.int64]:
        return bins_of(self._probabilities.max(axis=1))

    @cached_property
    def _distances(self) -> NDArray[np.float64]:
        return np.asarray(self._probabilities.max(axis=1) - self._correct)

    @cached_property
    def _among_first(self) -> NDArray[np.bool_]:
        first = self._scores.topk(TOP, dim=1).indices.numpy()
        return np.asarray((first == self._labels[:, None]).any(axis=1))

    @cached_property
    def _ranking(self) -> Ranking | None:
        if self._scores.numel() > LARGEST:
            return None
        positives = self._labels[:, None] == np.arange(len(self._classes))
        return Ranking(self._probabilities, positives)
