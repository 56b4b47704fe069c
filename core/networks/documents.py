"""Documents in one row, kept apart: whom a token may look at, and where its document begins.

"Packed" means that rows hold several documents one behind the other; a network that is given this mask and these
positions computes for each document what it would compute for it alone.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def document_numbers(rows: NDArray[np.int64], separator: int, *, separator_begins: bool) -> NDArray[np.int64]:
    """Which document of its row each token belongs to, counted from 0, shape (B, L).

    Args:
        rows: token ids, shape (B, L).
        separator: the token between documents.
        separator_begins: whether it is the first token of the document behind it, or the last of the one before.
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
    """True where a token may look at another, shape (B, 1, L, L)."""
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same.tril() if causal else same
