"""Masked frames of a recording, and the negatives of each: functions of (key, sample)."""

import numpy as np
from numpy.typing import NDArray

from core.randomness import derive_seed, uniforms

_MULTIPLE = 16
"""The number of masked frames is padded to a multiple of this; see ``_POSITIONS_MULTIPLE`` of `core.tasks.masked_lm.objective`."""
_LEAST_SPANS = 2


def masked_spans(
    key: int,
    samples: NDArray[np.int64],
    frames: NDArray[np.int64],
    width: int,
    *,
    start_probability: float,
    length: int,
) -> NDArray[np.bool_]:
    """Masks of shape (B, width): spans of ``length`` frames that may overlap (arXiv 2006.11477, section 3.1).

    Of a recording's T ``frames`` a share of ``start_probability`` begins a span, without replacement; T times it is
    rounded up or down at random. There are at least two spans if they fit; if one would mask the whole
    recording, there is one of half its frames. So at least one frame is masked in each.

    Args:
        samples: their ids, shape (B,).
        frames: number of each recording's frames of sound, shape (B,), at least 1.
    """
    scores, chance = np.split(uniforms(derive_seed(key, "spans"), samples, width + 1, 1)[0], [width], axis=1)
    fits = frames > length
    lengths = np.where(fits, length, np.maximum(1, frames // 2))[:, None]
    wanted = np.floor(start_probability * frames[:, None] + chance).astype(np.int64)
    count = np.minimum(np.maximum(wanted, _LEAST_SPANS), frames[:, None] // lengths)
    count = np.where(fits[:, None], np.maximum(1, count), 1)
    position = np.arange(width)
    scores = np.where(position <= frames[:, None] - lengths, scores, 2.0)
    # Ranks, so that the chosen starts are those with the smallest scores.
    rank = scores.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    starts = (rank < count).astype(np.int64)
    row, column = np.nonzero(starts)
    ends = np.zeros((len(samples), width + 1), dtype=np.int64)
    np.add.at(ends, (row, column + lengths[row, 0]), 1)
    inside: NDArray[np.bool_] = (starts - ends[:, :width]).cumsum(axis=1) > 0
    return inside


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
