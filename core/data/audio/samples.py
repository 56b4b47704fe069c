"""Recordings as clips of one length."""

import numpy as np
from numpy.typing import NDArray

from core.data.audio.prepared import GROUP, LABEL, LENGTH, PreparedAudio
from core.data.errors import DataError
from core.data.prepared import SplitName


class AudioSamples:
    """The recordings of a split, cut into clips.

    A recording of at most ``clip`` audio samples is one clip. A longer one gives as many clips as are needed to cover it,
    evenly spaced. A row also holds up to half a clip of context on each side, where there is any, so that training can start
    the clip at another position each time: `cut` takes the clip out of the row.

    Args:
        clip: Audio samples in a clip.
    """

    def __init__(self, prepared: PreparedAudio, split: SplitName, clip: int) -> None:
        if clip < 1:
            raise ValueError(f"a clip must have at least one sample, not {clip}")
        self.clip = clip
        self.label_places = prepared.label_places
        self._name = "training" if split == "train" else "held-out"
        self._index = np.array(prepared.index(split))
        self._pcm = prepared.pcm()
        lengths = self._index[:, LENGTH]
        counts = np.maximum(1, -(-lengths // clip))
        self._recording = np.repeat(np.arange(len(self._index)), counts)
        number = np.arange(len(self._recording)) - np.repeat(np.cumsum(counts) - counts, counts)
        room = np.maximum(0, lengths - clip)
        self._offset = (
            number * room[self._recording] // np.maximum(1, counts[self._recording] - 1)
            if len(counts)
            else number
        )
        self.dtype = row_type(clip)

    def __len__(self) -> int:
        return len(self._recording)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Each clip's class, shape (len,), -1 where it has none."""
        labels: NDArray[np.int64] = self._index[self._recording, LABEL]
        return labels

    @property
    def recordings(self) -> NDArray[np.int64]:
        """The number of the recording that each clip is from, shape (len,)."""
        return self._recording

    @property
    def groups(self) -> NDArray[np.int64]:
        """Each clip's group, shape (len,), -1 where it has none."""
        groups: NDArray[np.int64] = self._index[self._recording, GROUP]
        return groups

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.void]:
        """The clips at ``indices`` with their context, shape (B,), of type `dtype`."""
        rows = np.zeros(len(indices), dtype=self.dtype)
        for row, index in zip(rows, indices, strict=True):
            start, length = self._index[self._recording[index], :2]
            begin = max(0, int(self._offset[index]) - self.clip // 2)
            taken = min(2 * self.clip, int(length) - begin)
            row["length"] = taken
            row["begin"] = int(self._offset[index]) - begin
            row["pcm"][:taken] = self._pcm[start + begin : start + begin + taken]
        return rows

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
        if len(self) < count:
            raise DataError(
                "data_too_small",
                f"The {self._name} split has {len(self):,} clips, and {count:,} are needed",
                "Add recordings, or lower training.batch_size or data.audio.clip_seconds.",
                case="clips",
                split=self._name,
                clips=len(self),
                needed=count,
            )


def row_type(clip: int) -> np.dtype[np.void]:
    """Type of a row of `AudioSamples`: how many of the numbers in ``pcm`` belong to the recording (the rest is 0), and where
    the row's own clip begins."""
    return np.dtype([("length", np.int32), ("begin", np.int32), ("pcm", np.int16, (2 * clip,))])


def cut(
    rows: NDArray[np.void], clip: int, chance: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One clip from each row of `AudioSamples`.

    Args:
        chance: The start of each clip in [0, 1), as a share of the possible range, shape (B,). None: each row's own start.

    Returns:
        The audio samples, shape (B, clip), full scale ±1, with zeros after a shorter recording; and how many samples belong to
        the recording, shape (B,).
    """
    lengths = rows["length"].astype(np.int64)
    room = np.maximum(0, lengths - clip)
    begin = (
        rows["begin"].astype(np.int64)
        if chance is None
        else np.minimum((chance * (room + 1)).astype(np.int64), room)
    )
    positions = begin[:, None] + np.arange(clip)
    # A row is at least as wide as a clip and its range of starts, so that every clip lies inside.
    samples = np.take_along_axis(rows["pcm"], positions, axis=1).astype(np.float32) / np.float32(32_767)
    return samples, np.minimum(lengths, clip)
