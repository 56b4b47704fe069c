"""Measures of a language model."""

import math

import numpy as np
from numpy.typing import NDArray


def perplexity(loss: float) -> float:
    """``exp`` of the mean loss in nats; ``inf`` where that is beyond a double."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in nats of the distribution that has been counted; zero of nothing.

    Of predicted tokens: what a model that knows only their frequencies could reach at best.

    Args:
        counts: occurrences of each outcome, shape (V,).
    """
    seen = counts[counts > 0].astype(np.float64)
    total = seen.sum()
    return float(np.log(total) - (seen * np.log(seen)).sum() / total) if total else 0.0
