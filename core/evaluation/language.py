"""Metrics of language models."""

import math

import numpy as np
from numpy.typing import NDArray


def perplexity(loss: float) -> float:
    """``exp`` of the mean loss in nats; ``inf`` where a double cannot hold it."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def bits_per_byte(loss: float, tokens: int, text_bytes: int) -> float:
    """A mean loss in nats for each token, converted to bits for each byte of text, which is comparable across vocabularies.

    Args:
        loss: Mean loss, nats for each token.
        tokens: Number of tokens of a text.
        text_bytes: Bytes of the same text in UTF-8.
    """
    return loss * tokens / (math.log(2) * text_bytes) if text_bytes else math.nan


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in nats of an observed distribution; 0 without observations.

    For predicted tokens: the lowest loss of a model that knows only the tokens' frequencies.

    Args:
        counts: Number of times that each outcome occurs, shape (V,).
    """
    seen = counts[counts > 0].astype(np.float64)
    total = seen.sum()
    return float(np.log(total) - (seen * np.log(seen)).sum() / total) if total else 0.0
