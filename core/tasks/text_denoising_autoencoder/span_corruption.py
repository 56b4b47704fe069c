"""Span corruption: replaces spans of a text by sentinels; the spans are the targets.

Raffel et al. 2019, arXiv 1910.10683, section 3.1.4. How many tokens are cut, and in how many spans, is fixed by the row's
length, so that all inputs of a batch are of one length and all targets too, without padding. Where they are is
random: both what is cut and what stays is divided at random into as many runs, which take turns.
"""

import numpy as np
from numpy.typing import NDArray

from core.randomness import uniforms
from core.tasks.text_denoising_autoencoder.spec import TextDenoisingAutoencoder

_Ids = NDArray[np.int64]


def noise_mask(samples: _Ids, length: int, key: int, task: TextDenoisingAutoencoder) -> NDArray[np.bool_]:
    """True where a row's tokens are cut out, each sample by its own randomness out of ``key``; shape (B, L).

    A row begins with a run that stays and ends with one that is cut.

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
    """The corrupted rows, and what is to be written: each span behind its sentinel. Both end with ``end``.

    Args:
        rows: token ids, shape (B, L).
        cut: from `noise_mask`, shape (B, L).
        sentinels: in the order in which a row uses them, at least one a span.

    Returns:
        Shapes (B, L - cut + spans + 1) and (B, cut + spans + 1).
    """
    first = cut.copy()
    first[:, 1:] &= ~cut[:, :-1]
    marks = sentinels[np.cumsum(first, axis=1) - 1]
    batch = len(rows)
    ends = np.full((batch, 1), end, dtype=np.int64)
    inputs = np.where(first, marks, rows)[~cut | first].reshape(batch, -1)
    # A span's sentinel goes in front of its first token: two places for one.
    doubled = np.stack([marks, rows], axis=2).reshape(batch, -1)
    wanted = np.stack([first, cut], axis=2).reshape(batch, -1)
    targets = doubled[wanted].reshape(batch, -1)
    return np.concatenate([inputs, ends], axis=1), np.concatenate([targets, ends], axis=1)


def _divide(draws: NDArray[np.float64], total: int, runs: int) -> _Ids:
    """``total`` as a sum of ``runs`` positive lengths, each way as likely as another; shape (B, runs).

    Args:
        draws: at least ``total - 1`` a row.
    """
    places = np.argsort(draws[:, : total - 1], axis=1, kind="stable")[:, : runs - 1] + 1
    places.sort(axis=1)
    edges = np.pad(places, ((0, 0), (1, 1)), constant_values=((0, 0), (0, total)))
    lengths: _Ids = np.diff(edges, axis=1)
    return lengths
