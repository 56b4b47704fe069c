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


def bits_per_byte(loss: float, tokens: int, text_bytes: int) -> float:
    """A mean loss in nats a token, as bits a byte of the text: it compares across vocabularies.

    Args:
        loss: nats a token.
        tokens: that a text came to.
        text_bytes: of that text in UTF-8. The two give the mean bytes a token.
    """
    return loss * tokens / (math.log(2) * text_bytes) if text_bytes else math.nan


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in nats of the distribution that has been counted; zero of nothing.

    Of predicted tokens: what a model that knows only their frequencies could reach at best.

    Args:
        counts: occurrences of each outcome, shape (V,).
    """
    seen = counts[counts > 0].astype(np.float64)
    total = seen.sum()
    return float(np.log(total) - (seen * np.log(seen)).sum() / total) if total else 0.0
