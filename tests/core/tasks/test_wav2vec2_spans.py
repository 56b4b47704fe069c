"""Masks and negatives: their shares, only within the sound, independent of the batch."""

import numpy as np
import pytest

from core.augmentation.spans import masked_spans
from core.tasks.wav2vec2.spans import masked_positions, negative_indices


def spans(
    frames: np.ndarray, width: int, length: int, probability: float = 0.065, key: int = 1
) -> np.ndarray:
    samples = np.arange(len(frames)) * 17
    return masked_spans(key, samples, frames, width, start_probability=probability, length=length)


def runs(row: np.ndarray) -> list[int]:
    edges = np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0]))
    return (edges[1::2] - edges[::2]).tolist()


def test_about_half_is_masked_as_in_the_paper() -> None:
    masked = spans(np.full(500, 780), 780, 10)
    # p = 0.065 and spans of 10: "approximately 49% of all time steps", in stretches of 14.7 on average.
    assert masked.mean() == pytest.approx(0.49, abs=0.01)
    lengths = [length for row in masked for length in runs(row)]
    assert np.mean(lengths) == pytest.approx(14.7, abs=0.4)
    assert min(lengths) == 10


@pytest.mark.parametrize("length", [1, 4, 10])
def test_short_recordings_have_masked_spans_too(length: int) -> None:
    frames = np.arange(1, 60)
    masked = spans(frames, 64, length)
    for row, count in zip(masked, frames, strict=True):
        assert row[:count].any()
        assert not row[count:].any()
        if count <= length:
            assert row.sum() == max(1, count // 2)
        else:
            assert min(runs(row)) >= length
            assert row.sum() > (length if count >= 2 * length else 0)


def test_masks_depend_on_key_and_sample_alone() -> None:
    frames, samples = np.array([40, 33, 50]), np.array([5, 9, 2**33])
    options = {"start_probability": 0.1, "length": 5}
    together = masked_spans(7, samples, frames, 50, **options)
    for row in range(3):
        alone = masked_spans(7, samples[row : row + 1], frames[row : row + 1], 50, **options)
        assert (alone[0] == together[row]).all()
    assert (masked_spans(8, samples, frames, 50, **options) != together).any()


def test_positions_are_where_the_mask_is() -> None:
    masked = spans(np.array([30, 5, 100]), 100, 4)
    positions, counts = masked_positions(masked)
    assert positions.shape[1] % 16 == 0
    for row, where, count in zip(masked, positions, counts, strict=True):
        assert where[:count].tolist() == np.flatnonzero(row).tolist()
        assert (where[count:] == 0).all()


def test_negatives_are_the_others_each_as_likely() -> None:
    counts = np.array([6, 2, 1])
    drawn = negative_indices(3, np.arange(3), counts, 16, 3000)
    assert drawn.shape == (3, 16, 3000)
    for m in range(6):
        shares = np.bincount(drawn[0, m], minlength=16) / 3000
        assert shares[m] == 0
        assert shares[6:].sum() == 0
        assert np.delete(shares[:6], m) == pytest.approx(0.2, abs=0.03)
    assert (drawn[1, 0] == 1).all()
    assert (drawn[1, 1] == 0).all()
    assert (drawn[2, 0] == 0).all()
    narrow = negative_indices(3, np.arange(3), counts, 8, 3000)
    assert (narrow == drawn[:, :8]).all(), "filling changes what is drawn"
