"""Decides which images are kept, and which of them are held out."""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError, unreadable
from core.data.label_places import PlaceCollector
from core.data.prepared import SkippedSample
from core.formats import FormatError
from core.formats.image.decoding import ImageSample
from core.formats.splits import by_hash

DROPPED, TRAIN, HELD_OUT = 0, 1, 2
_NAMED = 20


class Gathered:
    """The facts about the images read so far; some dozens of bytes of memory for each."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._rest: set[int] = set()
        self._own: set[int] = set()
        self.labels: list[str | None] = []
        """Labels of the images kept, in order."""
        self.own: list[bool] = []
        """Whether the dataset itself holds each of them out."""
        self.duplicates = 0
        self.bad = 0
        self.skipped: list[SkippedSample] = []
        self.label_places = PlaceCollector()
        """The first of the bad samples."""

    def take(self, sample: ImageSample | FormatError) -> NDArray[np.uint8] | None:
        """The pixels of a sample that is kept; None for a duplicate or a bad sample.

        Raises:
            DataError: ``data_unreadable``, where a file's images have more pixels than a file of its size may have.
        """
        if isinstance(sample, FormatError):
            self._skip(sample)
            return None
        # A held-out copy of an image counts, also where an earlier copy is not held out; `split` then drops the earlier one.
        if sample.hash in self._own or (not sample.held_out and sample.hash in self._rest):
            sample.decoded.cancel()
            self.duplicates += 1
            return None
        decoded = sample.decoded.result()
        if isinstance(decoded, FormatError):
            if decoded.code == "archive_bomb":
                raise unreadable(decoded) from decoded
            self._skip(decoded)
            return None
        (self._own if sample.held_out else self._rest).add(sample.hash)
        self._hashes.append(sample.hash)
        self.labels.append(sample.label)
        self.own.append(sample.held_out)
        self.label_places.add(sample.label, sample.place, held_out=sample.held_out)
        return decoded.pixels

    def split(self, fraction: float) -> NDArray[np.int8]:
        """``TRAIN``, ``HELD_OUT`` or ``DROPPED`` for each image kept.

        If the dataset itself holds images out, those are held out. Otherwise: the images whose hash is below the fraction
        ``fraction`` of the range of hashes, or, if that leaves one of the splits empty, the image with the smallest hash.

        Raises:
            DataError: ``data_too_small``.
        """
        hashes = np.array(self._hashes, np.uint64)
        own = np.array(self.own, bool)
        if own.any():
            repeated = np.isin(hashes, hashes[own]) & ~own
            self.duplicates += int(np.count_nonzero(repeated))
            decisions = np.where(own, HELD_OUT, np.where(repeated, DROPPED, TRAIN))
            if not (decisions == TRAIN).any():
                raise self._too_small(
                    "All images are in folders or files of held-out splits", case="all_held_out"
                )
            return decisions.astype(np.int8)
        if len(hashes) < 2:
            raise self._too_small(
                f"The data holds {len(hashes)} different usable image{'' if len(hashes) == 1 else 's'}",
                case="images_there",
                images=len(hashes),
            )
        return np.where(by_hash(self._hashes, fraction), HELD_OUT, TRAIN).astype(np.int8)

    def _skip(self, error: FormatError) -> None:
        self.bad += 1
        if len(self.skipped) < _NAMED:
            where = error.file if error.member is None else f"{error.file} ({error.member})"
            self.skipped.append(SkippedSample(where, str(error)))

    def _too_small(self, what: str, **params: Any) -> DataError:
        first = self.skipped[0].reason if self.bad else None
        bad = f" ({self.bad:,} could not be used, such as {first})" if self.bad else ""
        return DataError(
            "data_too_small",
            f"{what}{bad}; training and evaluation need at least one each",
            "Add images.",
            bad=self.bad,
            first=first,
            **params,
        )
