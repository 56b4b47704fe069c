"""Whole recordings with transcripts as samples."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.data.audio.prepared import LABEL, LENGTH, PreparedAudio
from core.data.audio.samples import row_type
from core.data.errors import DataError
from core.data.prepared import SplitName

_NAMED = 5
"""Recordings that a message names, at most."""


class TranscribedSamples:
    """The recordings of a split that have a transcript and are short enough.

    Args:
        longest: Audio samples of the longest recording that is used.
        missing: ``data.on_missing_label``.
        normalize: Of a transcript; one that becomes empty counts as missing.
        fits: Whether a normalised transcript can be learned from a recording of so many audio samples. None: all can.

    Raises:
        DataError: ``labels_missing``, where a recording has no transcript and ``missing`` is ``refuse``.
    """

    def __init__(
        self,
        prepared: PreparedAudio,
        split: SplitName,
        longest: int,
        *,
        missing: Literal["refuse", "skip"],
        normalize: Callable[[str], str],
        fits: Callable[[str, int], bool] | None = None,
    ) -> None:
        self._longest = longest
        self._name = "training" if split == "train" else "held-out"
        index = np.array(prepared.index(split))
        self._pcm = prepared.pcm()
        self.dtype = row_type(longest)
        texts = [normalize(text) if text else "" for text in prepared.transcripts(split)]
        without = sum(not text for text in texts)
        if without and missing == "refuse":
            facts = prepared.transcript_facts
            places = [] if facts is None else list(facts.without_at[:_NAMED])
            first = f"; the first of the dataset are {', '.join(places)}" if places else ""
            raise DataError(
                "labels_missing",
                f"{without:,} of the {len(texts):,} recordings of the {self._name} split have no transcript{first}",
                "Give each recording a transcript, or set data.on_missing_label to skip.",
                case="transcripts",
                split=self._name,
                samples=len(texts),
                without=without,
                places=places,
            )
        given = [number for number, text in enumerate(texts) if text]
        short = [number for number in given if index[number, LENGTH] <= longest]
        kept = [n for n in short if fits is None or fits(texts[n], int(index[n, LENGTH]))]
        self.too_long = len(given) - len(short)
        """Recordings that are left out because they are longer than ``longest``."""
        self.unfit = len(short) - len(kept)
        """Recordings that are left out because their transcript has more characters than they have frames."""
        self.texts: Sequence[str] = [texts[number] for number in kept]
        """The normalised transcripts."""
        self.chosen: NDArray[np.int64] = np.array(kept, np.int64)
        """The number of each recording among all of the split, shape (len,)."""
        self._index = index[kept]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Each recording's class, shape (len,), -1 where it has none."""
        labels: NDArray[np.int64] = self._index[:, LABEL]
        return labels

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.void]:
        """The recordings at ``indices``, shape (B,), of the type of `AudioSamples.rows`."""
        rows = np.zeros(len(indices), dtype=self.dtype)
        for row, index in zip(rows, indices, strict=True):
            start, length = self._index[index, :2]
            row["length"] = length
            row["pcm"][:length] = self._pcm[start : start + length]
        return rows

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
        if len(self) < count:
            out = f"; {self.too_long:,} are longer than task.max_seconds" if self.too_long else ""
            out += f"; {self.unfit:,} are too short for their transcripts" if self.unfit else ""
            raise DataError(
                "data_too_small",
                f"The {self._name} split has {len(self):,} recordings with a transcript that can be used, and {count:,} are needed{out}",
                "Add recordings, raise task.max_seconds, or lower training.batch_size.",
                case="transcribed",
                split=self._name,
                samples=len(self),
                needed=count,
                too_long=self.too_long,
                unfit=self.unfit,
            )
