"""Recordings as samples of one length."""

import numpy as np
from numpy.typing import NDArray

from core.data.audio.prepared import GROUP, LABEL, LENGTH, PreparedAudio
from core.data.errors import DataError
from core.data.prepared import SplitName


class AudioSamples:
    """A part's recordings, cut into clips.

    A recording of at most ``clip`` samples is one sample. A longer one gives as many as are needed to cover it, evenly
    spread. A row holds up to half a clip more on both sides, where there is more, so that training can begin a clip
    elsewhere each time: `cut` takes the clip out of it.

    Args:
        clip: samples (numbers) a sample.
    """

    def __init__(self, prepared: PreparedAudio, split: SplitName, clip: int) -> None:
        if clip < 1:
            raise ValueError(f"a clip must have at least one sample, not {clip}")
        self.clip = clip
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
        self.dtype = np.dtype([("length", np.int32), ("begin", np.int32), ("pcm", np.int16, (2 * clip,))])
        """Of a row: how many of ``pcm``'s numbers are the recording's (the rest is 0), and where its own clip begins."""

    def __len__(self) -> int:
        return len(self._recording)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Each sample's class, shape (len,), -1 where it has none."""
        labels: NDArray[np.int64] = self._index[self._recording, LABEL]
        return labels

    @property
    def groups(self) -> NDArray[np.int64]:
        """Each sample's group, shape (len,), -1 where it has none."""
        groups: NDArray[np.int64] = self._index[self._recording, GROUP]
        return groups

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.void]:
        """The samples at ``indices`` with what is around them, shape (B,), of `dtype`."""
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
                f"The {self._name} part has {len(self):,} clips, and {count:,} are needed",
                "Add recordings, or lower training.batch_size or data.audio.clip_seconds.",
            )


def cut(
    rows: NDArray[np.void], clip: int, chance: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One clip out of each row of `AudioSamples`.

    Args:
        chance: where each clip begins, shape (B,), in [0, 1) of the room there is; None: where its own does.

    Returns:
        The samples, shape (B, clip), full scale ±1, zeros behind a shorter recording; and how many are the recording's,
        shape (B,).
    """
    lengths = rows["length"].astype(np.int64)
    room = np.maximum(0, lengths - clip)
    begin = (
        rows["begin"].astype(np.int64)
        if chance is None
        else np.minimum((chance * (room + 1)).astype(np.int64), room)
    )
    positions = begin[:, None] + np.arange(clip)
    # A row is at least as wide as a clip and its room, so that no position lies outside.
    samples = np.take_along_axis(rows["pcm"], positions, axis=1).astype(np.float32) / np.float32(32_767)
    return samples, np.minimum(lengths, clip)
