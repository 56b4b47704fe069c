"""Clips cover each recording, stay inside it, and are the same for the same index."""

from pathlib import Path

import numpy as np
import pytest

from core.data import DataError
from core.data.audio import AudioSamples, PreparedAudio, cut


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedAudio:
    """Recordings of 5, 10, 23 and 100 samples, with consecutive numbers as values."""
    lengths = [5, 10, 23, 100]
    np.arange(1, sum(lengths) + 1, dtype=np.int16).tofile(tmp_path / "recordings.pcm")
    starts = np.cumsum([0, *lengths[:-1]])
    index = np.stack([starts, lengths, [0, 1, 0, 1], [-1, 0, 0, 1]], axis=1).astype(np.int64)
    index.tofile(tmp_path / "train.index")
    index[:0].tofile(tmp_path / "held_out.index")
    return PreparedAudio(tmp_path, "k", True, 10, 4, 0, 1.0, 0.0, 0, 0, (), ("a", "b"), ("x", "y"), {})


def values(clips: np.ndarray) -> np.ndarray:
    return np.rint(clips * 32767).astype(int)


@pytest.mark.parametrize("clip", [1, 4, 7, 10, 64, 101])
def test_clips_cover_every_recording(prepared: PreparedAudio, clip: int) -> None:
    samples = AudioSamples(prepared, "train", clip)
    clips, lengths = cut(samples.rows(np.arange(len(samples))), clip)
    assert clips.shape == (len(samples), clip)
    assert clips.dtype == np.float32
    found = values(clips)
    assert set(found[found > 0]) == set(range(1, 139))
    for row, length in zip(found, lengths, strict=True):
        assert (np.diff(row[:length]) == 1).all(), "a clip jumps or crosses into another recording"
        assert (row[length:] == 0).all()


def test_random_clips_lie_within_the_recording_and_reach_everywhere(prepared: PreparedAudio) -> None:
    samples = AudioSamples(prepared, "train", 10)
    rows = samples.rows(np.arange(len(samples)))
    begins = set()
    for chance in (0.0, 0.3, 0.6, 0.999999):
        clips, lengths = cut(rows, 10, np.full(len(rows), chance))
        found = values(clips)
        begins |= set(found[:, 0].tolist())
        for row, length in zip(found, lengths, strict=True):
            assert (np.diff(row[:length]) == 1).all()
        assert lengths.tolist() == [5] + [10] * (len(rows) - 1)
    assert 39 in begins, "the longest recording's first sample"
    assert 129 in begins, "its last clip"


def test_labels_and_groups_are_each_samples_own(prepared: PreparedAudio) -> None:
    samples = AudioSamples(prepared, "train", 10)
    assert samples.labels.tolist() == [0, 1, 0, 0, 0] + [1] * 10
    assert samples.groups.tolist() == [-1, 0, 0, 0, 0] + [1] * 10


def test_too_few_clips_are_refused(prepared: PreparedAudio) -> None:
    AudioSamples(prepared, "train", 10).require(15)
    with pytest.raises(DataError, match="16 are needed"):
        AudioSamples(prepared, "train", 10).require(16)
    assert len(AudioSamples(prepared, "held_out", 10)) == 0
