"""Chooses the samples of each step: a function of (seed, step), independent of earlier steps."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_Words = NDArray[np.uint64]
_GOLDEN = 0x9E3779B97F4A7C15
_ROUND_CONSTANTS = [np.uint64(round_ * _GOLDEN % 2**64) for round_ in range(1, 7)]


def sample_indices(seed: int, step: int, batch_size: int, count: int) -> NDArray[np.int64]:
    """The samples of step ``step`` (from 1), shape (batch_size,), each in 0 … count - 1.

    Steps take samples one after the other from a sequence of epochs. Each epoch is a permutation of all samples, drawn from
    (seed, epoch). A step may span epochs. Memory use is that of the batch, for any ``count``: the permutation is computed
    for the needed positions only, by a Feistel network on the smallest even number of bits that holds ``count``. Its cycle
    is followed until the value is below ``count`` (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains").

    Raises:
        ValueError: for a step or count below 1, or a negative batch size.
    """
    if step < 1 or count < 1 or batch_size < 0:
        raise ValueError(f"no samples for step {step}, batch_size {batch_size}, count {count}")
    return _at(seed, (step - 1) * batch_size, step * batch_size, count)


def replayed_before(share: float, samples: int) -> int:
    """How many of the first samples of a run are drawn from its buffer: their share, rounded down.

    ``share`` counts as the decimal number that was written, so that 0.1 of 30 samples are exactly three.
    """
    return math.floor(Fraction(repr(share)) * samples)


def mixed_indices(
    seeds: tuple[int, int], step: int, parts: tuple[int, int], counts: tuple[int, int], share: float
) -> NDArray[np.int64]:
    """The samples of a step of which a share is drawn from a buffer, shape of ``parts``: a row for each micro-batch.

    Both sources are sequences of epochs, as for `sample_indices`. Of every micro-batch, the samples from the buffer come last; their
    numbers vary by one where the share of its size is no whole number, so that the share holds over the run.

    Args:
        seeds: Of the two sources.
        parts: Number of micro-batches, and samples in each.
        counts: Samples in the training split, and in the buffer, whose numbers follow those of the split.
    """
    number, size = parts
    found = np.empty(parts, np.int64)
    for row in range(number):
        begin = ((step - 1) * number + row) * size
        before, after = replayed_before(share, begin), replayed_before(share, begin + size)
        own = size - (after - before)
        found[row, :own] = _at(seeds[0], begin - before, begin + size - after, counts[0])
        found[row, own:] = _at(seeds[1], before, after, counts[1]) + counts[0]
    return found


def _at(seed: int, begin: int, end: int, count: int) -> NDArray[np.int64]:
    """The samples at the positions from ``begin`` on and before ``end`` of the sequence of epochs."""
    positions = np.arange(begin, end, dtype=np.int64)
    epochs, offsets = np.divmod(positions, count)
    keys = _mix(
        _mix(np.full_like(epochs, seed, dtype=np.uint64)) + epochs.astype(np.uint64) * np.uint64(_GOLDEN)
    )
    return _permute(offsets.astype(np.uint64), keys, count).astype(np.int64)


def _permute(values: _Words, keys: _Words, count: int) -> _Words:
    half = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))
    values = _feistel(values, keys, half)
    # The network's domain is below 4 * ``count``, so that a value leaves the excess after a few rounds on average.
    while (outside := np.flatnonzero(values >= np.uint64(count))).size:
        values[outside] = _feistel(values[outside], keys[outside], half)
    return values


def _feistel(values: _Words, keys: _Words, half: np.uint64) -> _Words:
    """A keyed bijection of the numbers of ``2 * half`` bits."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for constant in _ROUND_CONSTANTS:
        left, right = right, left ^ (_mix(right ^ (keys + constant)) & mask)
    joined: _Words = (left << half) | right
    return joined


def _mix(words: _Words) -> _Words:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit affects every output bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
