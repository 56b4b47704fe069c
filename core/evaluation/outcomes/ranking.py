"""The area under the ROC curve of resamples, exact, with ties."""

import numpy as np
from numpy.typing import NDArray

LARGEST = 8_000_000
"""Samples times classes up to which resamples are ranked: above, a thousand of them would take minutes."""


class Ranking:
    """Samples ranked by the probability of each class.

    The area is the probability that a sample of the class has a higher probability than one of the others; equal ones count as
    a half (Hanley and McNeil 1982).

    Args:
        probabilities: Shape (N, C).
        positives: Whether each sample belongs to each class, bool (N, C).
    """

    def __init__(self, probabilities: NDArray[np.float64], positives: NDArray[np.bool_]) -> None:
        count, self._classes = probabilities.shape
        self._order = np.argsort(probabilities, axis=0, kind="stable").T.astype(np.int32)
        self._samples, self._of = np.nonzero(positives)
        begin, end = np.empty(len(self._samples), np.int64), np.empty(len(self._samples), np.int64)
        for number in range(self._classes):
            chosen = self._of == number
            own, ranked = probabilities[:, number], probabilities[self._order[number], number]
            begin[chosen] = np.searchsorted(ranked, own[self._samples[chosen]], side="left")
            end[chosen] = np.searchsorted(ranked, own[self._samples[chosen]], side="right")
        self._begin, self._end = begin, end
        self._below = np.zeros((self._classes, count + 1), np.int64)

    def areas(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The area of each class in a resample, shape (C,); NaN where all samples, or none, belong to it.

        Args:
            counts: How often each sample occurs, shape (N,).
        """
        np.cumsum(counts[self._order], axis=1, out=self._below[:, 1:])
        weights = counts[self._samples]
        middle = (self._below[self._of, self._begin] + self._below[self._of, self._end]) / 2
        ranks = np.bincount(self._of, weights * middle, minlength=self._classes)
        positive = np.bincount(self._of, weights, minlength=self._classes)
        # Pairs of two positives, which are counted in `ranks`, sum to half of their square.
        pairs = positive * (counts.sum() - positive)
        found: NDArray[np.float64] = np.divide(
            ranks - positive**2 / 2, pairs, out=np.full(self._classes, np.nan), where=pairs > 0
        )
        return found
