"""Among which classes the answer of each sample is, where that is known: in continual learning those of the sample's stage."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


class Answers:
    """The possible answers of training samples.

    Args:
        classes: Number of classes that the network knows.
        among: Those among which the answers of the job's own samples are.
        samples: Number of its own training samples.
    """

    def __init__(self, classes: int, among: Sequence[int], samples: int) -> None:
        self._classes = classes
        self._possible = self._row(among)
        self._groups: NDArray[np.int32] = np.zeros(samples, np.int32)

    def extend(self, among: Sequence[int], samples: int) -> None:
        """Further samples, whose ids follow those of the others."""
        self._groups = np.concatenate([self._groups, np.full(samples, len(self._possible), np.int32)])
        self._possible = torch.cat([self._possible, self._row(among)])

    def of(self, samples: NDArray[np.int64]) -> Tensor:
        """Which classes may be the answer of samples, by their ids, bool (B, C)."""
        return self._possible[torch.from_numpy(self._groups[samples]).long()]

    def _row(self, among: Sequence[int]) -> Tensor:
        row = torch.zeros(1, self._classes, dtype=torch.bool)
        row[0, list(among)] = True
        return row


def possible(scores: Tensor, among: Tensor | None) -> Tensor:
    """Scores (B, C) with those of impossible answers at minus infinity."""
    return scores if among is None else scores.masked_fill(~among, -torch.inf)


def cross_entropy(
    scores: Tensor,
    targets: Tensor,
    *,
    weight: Tensor | None,
    smoothing: float,
    among: Tensor | None = None,
) -> Tensor:
    """Summed cross-entropy with smoothing and weights of classes, among the possible answers of each sample.

    Args:
        scores: Logits, shape (B, C).
        targets: Classes, shape (B,), or their probabilities, shape (B, C).
        weight: Shape (C,).
        smoothing: Share of each target that is spread evenly over the possible answers.
        among: The possible answers, bool (B, C). None: all classes.
    """
    if among is None:
        return functional.cross_entropy(
            scores, targets, weight=weight, label_smoothing=smoothing, reduction="sum"
        )
    if targets.ndim == 1:
        targets = functional.one_hot(targets, scores.shape[1])
    spread = among / among.sum(dim=1, keepdim=True)
    targets = (1 - smoothing) * targets + smoothing * spread
    # An impossible answer has the target 0, which times minus infinity would be no number.
    logs = possible(scores, among).log_softmax(dim=1).masked_fill(~among, 0.0)
    terms = targets * logs
    return -(terms if weight is None else terms * weight).sum()
