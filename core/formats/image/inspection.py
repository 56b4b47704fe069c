"""Inspects an uploaded file of images: decodes all of it once and reports statistics."""

import base64
import heapq
import io
import os
from collections import Counter
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.characters import brief
from core.formats.containers.source import size_of
from core.formats.distinct_samples import DistinctSample, DistinctSamples
from core.formats.errors import BadSample, FormatError
from core.formats.image.decoding import ImageSample, decode_ahead
from core.formats.image.images import ImageNotes, read_images
from core.formats.limits import IMAGE_LIMITS, Limits, PixelBudget
from core.formats.names import Compression, Kind, detect
from core.formats.notes import Note

THUMBNAIL = 64
"""Side of a thumbnail, pixels. The mean and standard deviation of the channels are measured on thumbnails."""
THUMBNAILS = 32
_THREADS = 4
"""Threads that decode; each takes up to 70 MB."""
NAMED = 20
_SIZES = 50
_CLASSES = 1000


@dataclass(frozen=True)
class ImageFileReport:
    """One file's statistics. All values are plain, so that ``dataclasses.asdict`` gives JSON."""

    kind: Kind
    compression: Compression | None
    bytes: int
    """Size of the file as uploaded."""
    samples: int
    """Images that can be decoded; 0 for a file of labels."""
    duplicates: int
    """Of those, exact copies of an earlier one."""
    held_out: int
    """Of those, the ones that the file itself marks as held out."""
    gray: int
    """Of those, the ones stored without colour."""
    bad: int
    """Images that cannot be decoded."""
    bad_samples: tuple[BadSample, ...]
    """The name and the error of each of the first of them."""
    ignored: tuple[str, ...]
    """Files in an archive that are no images; the first 100."""
    passed_over: dict[str, int]
    """The number of files of each kind in an archive that are not read, by the ending of their names: the 20 most
    frequent kinds, and all others as one."""
    notes: tuple[Note, ...]
    """Notes for people on how the file was read."""
    sizes: tuple[tuple[int, int, int], ...]
    """Width, height and number of images of each size: the 50 most frequent, most frequent first."""
    classes: dict[str, int]
    """Images of each class, by folder or column; the 1,000 largest."""
    unlabelled: int
    mean: tuple[float, float, float]
    """Mean of the red, green and blue channel, 0 … 1."""
    std: tuple[float, float, float]
    ledger: dict[str, Any]
    """`DistinctSamples.facts` of the images that can be decoded."""
    image_column: str | None
    """The column of a table that was read."""
    image_columns: tuple[str, ...] | None
    """A table's columns of images. None where the file is no table."""
    label_columns: tuple[str, ...] | None
    """A table's columns that may hold classes."""
    thumbnails: tuple[str, ...]
    """Some images, chosen by content hash, 64 pixels square: JPEG in base64."""


class _Tally:
    def __init__(self) -> None:
        self.samples = self.duplicates = self.held_out = self.gray = self.bad = self.unlabelled = 0
        self.bad_samples: list[BadSample] = []
        self.first_error: FormatError | None = None
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.classes: Counter[str] = Counter()
        self.sums = np.zeros(3)
        self.squares = np.zeros(3)
        # A heap with the largest hash on top (negated), so that the smallest hashes stay: a choice that does not depend
        # on the order.
        self.chosen: list[tuple[int, int, NDArray[np.uint8]]] = []
        self._seen: set[int] = set()
        self.ledger = DistinctSamples()

    def add(self, sample: ImageSample | FormatError) -> None:
        if isinstance(sample, FormatError):
            self._note_bad(sample)
            return
        decoded = sample.decoded.result()
        if isinstance(decoded, FormatError):
            if decoded.code == "archive_bomb":
                raise decoded
            self._note_bad(decoded)
            return
        self.samples += 1
        self.ledger.add(DistinctSample(sample.hash, held_out=sample.held_out))
        if sample.held_out and (noted := self.ledger.entries.get(sample.hash)) is not None:
            noted.held_out = True
        self.held_out += sample.held_out
        self.gray += decoded.grey
        self.sizes[decoded.width, decoded.height] += 1
        if sample.label is None:
            self.unlabelled += 1
        else:
            self.classes[brief(sample.label)] += 1
        values = decoded.pixels.reshape(-1, 3).astype(np.uint32)
        self.sums += values.sum(0) / (len(values) * 255.0)
        self.squares += (values * values).sum(0) / (len(values) * 255.0**2)
        if sample.hash in self._seen:
            self.duplicates += 1
            return
        self._seen.add(sample.hash)
        entry = (-sample.hash, self.samples, decoded.pixels)
        if len(self.chosen) < THUMBNAILS:
            heapq.heappush(self.chosen, entry)
        else:
            heapq.heappushpop(self.chosen, entry)

    def _note_bad(self, error: FormatError) -> None:
        self.bad += 1
        self.first_error = self.first_error or error
        if len(self.bad_samples) < NAMED:
            self.bad_samples.append(error.bad_sample)


def inspect_image_file(
    stream: BinaryIO, name: str, *, image_column: str | None = None, limits: Limits = IMAGE_LIMITS
) -> ImageFileReport:
    """Inspect a whole file. Memory use is bounded.

    Args:
        stream: Seekable; it is read from its start.

    Raises:
        FormatError: where the file is unsafe or cannot be read, or none of its images can be decoded.
    """
    file_format = detect(name, "image")
    notes = ImageNotes()
    tally = _Tally()
    found = read_images(stream, name, image_column=image_column, limits=limits, notes=notes)
    budgets = {name: PixelBudget(size_of(stream), limits)}
    threads = min(_THREADS, len(os.sched_getaffinity(0)))
    for sample in decode_ahead(found, THUMBNAIL, 3, limits=limits, budgets=budgets, threads=threads):
        tally.add(sample)
    if not tally.samples and tally.first_error:
        raise tally.first_error
    count = max(1, tally.samples)
    mean = tally.sums / count
    std = np.sqrt(np.maximum(tally.squares / count - mean**2, 0.0))
    return ImageFileReport(
        kind=file_format.kind,
        compression=file_format.compression,
        bytes=size_of(stream),
        samples=tally.samples,
        duplicates=tally.duplicates,
        held_out=tally.held_out,
        gray=tally.gray,
        bad=tally.bad,
        bad_samples=tuple(tally.bad_samples),
        ignored=tuple(brief(member) for member in notes.ignored.names),
        passed_over=notes.ignored.kinds(),
        notes=tuple(notes.notes),
        sizes=tuple((*size, number) for size, number in tally.sizes.most_common(_SIZES)),
        classes=dict(tally.classes.most_common(_CLASSES)),
        unlabelled=tally.unlabelled,
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        ledger=tally.ledger.facts(),
        image_column=notes.image_column if notes.image_column in (notes.image_columns or ()) else None,
        image_columns=notes.image_columns,
        label_columns=notes.label_columns,
        thumbnails=tuple(_jpeg(pixels) for _, _, pixels in sorted(tally.chosen, key=lambda one: -one[0])),
    )


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85)
    return base64.b64encode(out.getvalue()).decode()
