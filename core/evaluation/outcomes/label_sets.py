"""Outcomes of predictions of any number of classes for each sample."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.evaluation.classification import BINS, several_labels
from core.evaluation.label_reports import label_documents
from core.evaluation.outcomes.base import Outcomes, Show, share, shares
from core.evaluation.outcomes.ranking import LARGEST, Ranking
from core.evaluation.reports import Document, bins_of


class LabelSetOutcomes(Outcomes):
    """Scores of classes, and which classes each sample has. A class is predicted from a probability of a half on.

    Args:
        scores: Logits, shape (N, C).
        labels: Bool (N, C).
        classes: Names of the C classes.
    """

    def __init__(self, scores: Tensor, labels: NDArray[np.bool_], classes: Sequence[str]) -> None:
        self._scores, self._labels, self._classes = scores.double().cpu(), labels, classes

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def values(self) -> dict[str, float]:
        return several_labels(self._scores, torch.from_numpy(self._labels))

    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        total, weights = int(counts.sum()), counts.astype(np.float64)
        right, truth, said = (weights @ part for part in self._parts)
        found = {
            "loss": float(counts @ self._losses) / total,
            "exact_match": float(counts @ self._exact) / total,
            "micro_f1": share(2 * right.sum(), truth.sum() + said.sum()),
            "micro_precision": share(right.sum(), said.sum()),
            "micro_recall": share(right.sum(), truth.sum()),
            "macro_f1": float(shares(2 * right, truth + said).mean()),
            "macro_precision": float(shares(right, said).mean()),
            "macro_recall": float(shares(right, truth).mean()),
            "calibration_error": float(np.abs(weights @ self._distances).sum() / (total * len(truth))),
        }
        if self._ranking is not None:
            areas = self._ranking.areas(counts)
            if not np.isnan(areas).all():
                found["auroc"] = float(np.nanmean(areas))
        return found

    @property
    def correct(self) -> Mapping[str, NDArray[np.bool_]]:
        return {"exact_match": self._exact}

    def documents(self, show: Show) -> list[Document]:
        return label_documents(self._probabilities, self._labels, self._classes, show)

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._scores.sigmoid().numpy()
        return found

    @cached_property
    def _predicted(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self._scores >= 0).numpy()
        return found

    @cached_property
    def _exact(self) -> NDArray[np.bool_]:
        return np.asarray((self._predicted == self._labels).all(axis=1))

    @cached_property
    def _parts(self) -> tuple[NDArray[np.float64], ...]:
        """Right, true and predicted decisions, shape (N, C) each."""
        parts = (self._predicted & self._labels, self._labels, self._predicted)
        return tuple(part.astype(np.float64) for part in parts)

    @cached_property
    def _losses(self) -> NDArray[np.float64]:
        targets = torch.from_numpy(self._labels).double()
        losses = functional.binary_cross_entropy_with_logits(self._scores, targets, reduction="none")
        return np.asarray(losses.mean(dim=1).numpy())

    @cached_property
    def _distances(self) -> NDArray[np.float64]:
        """Probability minus truth of each sample's classes, summed in the bin of the probability: shape (N, bins)."""
        found = np.zeros((len(self), BINS))
        rows = np.repeat(np.arange(len(self)), self._labels.shape[1])
        bins = bins_of(self._probabilities.reshape(-1))
        np.add.at(found, (rows, bins), (self._probabilities - self._labels).reshape(-1))
        return found

    @cached_property
    def _ranking(self) -> Ranking | None:
        return None if self._scores.numel() > LARGEST else Ranking(self._probabilities, self._labels)
