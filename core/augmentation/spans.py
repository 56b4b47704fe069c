"""Masked spans of sequences: functions of (key, sample)."""

import numpy as np
from numpy.typing import NDArray

from core.randomness import derive_seed, uniforms

LEAST_SPANS = 2
"""Spans that each recording has in pretraining, if they fit."""


def masked_spans(
    key: int,
    samples: NDArray[np.int64],
    frames: NDArray[np.int64],
    width: int,
    *,
    start_probability: float,
    length: int,
    least: int = LEAST_SPANS,
) -> NDArray[np.bool_]:
    """Masks of shape (B, width): spans of ``length`` frames that may overlap (arXiv 2006.11477, section 3.1).

    Of a recording's T ``frames`` a share of ``start_probability`` begins a span, without replacement; T times it is
    rounded up or down at random. There are at least ``least`` spans if they fit; if one would mask the whole
    recording, there is one of half its frames. So at least one frame is masked in each, unless ``least`` is 0: then a recording may
    have no span, and one that is no longer than a span has none.

    Args:
        samples: their ids, shape (B,).
        frames: number of each recording's frames of sound, shape (B,), at least 1.
    """
    scores, chance = np.split(uniforms(derive_seed(key, "spans"), samples, width + 1, 1)[0], [width], axis=1)
    fits = frames > length
    lengths = np.where(fits, length, np.maximum(1, frames // 2))[:, None]
    wanted = np.floor(start_probability * frames[:, None] + chance).astype(np.int64)
    count = np.minimum(np.maximum(wanted, least), frames[:, None] // lengths)
    count = np.where(fits[:, None], np.maximum(min(1, least), count), min(1, least))
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
