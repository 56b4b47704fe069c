"""Attention masks and positions that separate the documents of one row.

In packed rows, several documents follow one another. With this mask and these positions a network computes for each document
the same as for that document alone.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def document_numbers(rows: NDArray[np.int64], separator: int, *, separator_begins: bool) -> NDArray[np.int64]:
    """The number (from 0) of the document in its row that each token belongs to, shape (B, L).

    Args:
        rows: Token ids, shape (B, L).
        separator: The token between documents.
        separator_begins: Whether the separator is the first token of a document, or the last.
    """
    is_separator = rows == separator
    if separator_begins:
        return np.cumsum(is_separator, axis=1)
    before = np.zeros_like(is_separator)
    before[:, 1:] = is_separator[:, :-1]
    return np.cumsum(before, axis=1)


def restarted_positions(documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each token's position in its document, shape (B, L)."""
    positions = np.broadcast_to(np.arange(documents.shape[1]), documents.shape)
    begins = np.ones_like(documents, dtype=bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return positions - np.maximum.accumulate(np.where(begins, positions, 0), axis=1)


def attention_mask(documents: Tensor, *, causal: bool) -> Tensor:
    """True where a token attends to another, shape (B, 1, L, L)."""
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same.tril() if causal else same
