"""The positions of masked frames, and the negatives of each: functions of (key, sample)."""

import numpy as np
from numpy.typing import NDArray

from core.randomness import derive_seed, uniforms

_MULTIPLE = 16
"""The number of masked frames is padded to a multiple of this; see ``_POSITIONS_MULTIPLE`` of `core.tasks.masked_lm.objective`."""


def masked_positions(masked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each row of a mask (B, T) is True, in order: shape (B, M), padded with 0; and their number, shape (B,)."""
    counts = masked.sum(axis=1)
    width = -(-max(1, int(counts.max())) // _MULTIPLE) * _MULTIPLE
    positions = np.zeros((len(masked), width), dtype=np.int64)
    row, column = np.nonzero(masked)
    positions[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = column
    return positions, counts


def negative_indices(
    key: int, samples: NDArray[np.int64], counts: NDArray[np.int64], width: int, negatives: int
) -> NDArray[np.int64]:
    """For each of ``width`` masked frames of a recording, other masked frames of it, shape (B, width, negatives).

    They are drawn uniformly, with replacement, from the recording's ``counts`` (B,) masked frames except the frame itself, and
    returned as indices among them. A recording's only masked frame gets itself.
    """
    chance = uniforms(derive_seed(key, "negatives"), samples, width * negatives, 1)[0]
    others = np.maximum(0, counts - 1)[:, None, None]
    drawn = (chance.reshape(len(samples), width, negatives) * others).astype(np.int64)
    own = np.arange(width)[None, :, None]
    indices: NDArray[np.int64] = np.where((drawn >= own) & (others > 0), drawn + 1, drawn) * (
        own < counts[:, None, None]
    )
    return indices
