"""Span corruption: replaces spans of a text by sentinels; the spans are the targets.

Raffel et al. 2019, arXiv 1910.10683, section 3.1.4. The number of cut tokens and of spans is determined by the row's
length, so that all inputs of a batch have one length and all targets too, without padding. Their places are
random: the cut tokens and the kept tokens are each divided at random into the same number of runs, which alternate.
"""

import numpy as np
from numpy.typing import NDArray

from core.randomness import uniforms
from core.tasks.text_denoising_autoencoder.spec import TextDenoisingAutoencoder

_Ids = NDArray[np.int64]


def noise_mask(samples: _Ids, length: int, key: int, task: TextDenoisingAutoencoder) -> NDArray[np.bool_]:
    """True where a row's tokens are cut, a function of (key, sample); shape (B, L).

    A row begins with a kept run and ends with a cut one.

    Args:
        samples: ids, shape (B,).
        length: L, at least 2.
    """
    cut, spans = task.noise(length)
    draws = uniforms(key, samples, length, streams=2)
    staying, cutting = _divide(draws[0], length - cut, spans), _divide(draws[1], cut, spans)
    runs = np.stack([staying, cutting], axis=2).reshape(len(samples), 2 * spans)
    kinds = np.tile([False, True], spans)
    ends = np.cumsum(runs, axis=1)
    run = (np.arange(length)[None, :, None] >= ends[:, None, :]).sum(axis=2)
    found: NDArray[np.bool_] = kinds[run]
    return found


def corrupt(rows: _Ids, cut: NDArray[np.bool_], sentinels: _Ids, end: int) -> tuple[_Ids, _Ids]:
    """The corrupted rows, and the targets: each span after its sentinel. Both end with ``end``.

    Args:
        rows: token ids, shape (B, L).
        cut: as `noise_mask` returns it, shape (B, L).
        sentinels: in the order in which a row uses them, at least one for each span.

    Returns:
        Shapes (B, L - cut + spans + 1) and (B, cut + spans + 1).
    """
    first = cut.copy()
    first[:, 1:] &= ~cut[:, :-1]
    marks = sentinels[np.cumsum(first, axis=1) - 1]
    batch = len(rows)
    ends = np.full((batch, 1), end, dtype=np.int64)
    inputs = np.where(first, marks, rows)[~cut | first].reshape(batch, -1)
    # A span's sentinel is put before its first token, which then takes two places.
    doubled = np.stack([marks, rows], axis=2).reshape(batch, -1)
    wanted = np.stack([first, cut], axis=2).reshape(batch, -1)
    targets = doubled[wanted].reshape(batch, -1)
    return np.concatenate([inputs, ends], axis=1), np.concatenate([targets, ends], axis=1)


def _divide(draws: NDArray[np.float64], total: int, runs: int) -> _Ids:
    """``total`` as a sum of ``runs`` positive lengths, uniform over all such sums; shape (B, runs).

    Args:
        draws: at least ``total - 1`` for each row.
    """
    places = np.argsort(draws[:, : total - 1], axis=1, kind="stable")[:, : runs - 1] + 1
    places.sort(axis=1)
    edges = np.pad(places, ((0, 0), (1, 1)), constant_values=((0, 0), (0, total)))
    lengths: _Ids = np.diff(edges, axis=1)
    return lengths
