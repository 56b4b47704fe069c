"""Reads images from an uploaded file of any supported format, without decoding them."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from core.formats.containers.layout import Layout, is_held_out
from core.formats.containers.media import MediaArchive, MediaNotes, Member
from core.formats.containers.source import Source, size_of
from core.formats.errors import FormatError, Place
from core.formats.image.idx import read_idx
from core.formats.labels import parse_path
from core.formats.limits import IMAGE_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, Format, Kind, detect
from core.formats.tables.reading import nameable


@dataclass(frozen=True)
class RawImage:
    """One image as it is stored."""

    place: Place
    content: bytes | NDArray[np.uint8]
    """The encoded file. For an IDX file: the pixels, (H, W) or (H, W, C)."""
    label: str | None
    """Its class, by folder or column."""
    held_out: bool
    """Whether the dataset itself marks it as held out."""


@dataclass
class ImageNotes(MediaNotes):
    """What reading a file found beside its images."""

    image_columns: tuple[str, ...] | None = None
    """A table's columns of images."""
    label_columns: tuple[str, ...] | None = None
    """A table's columns that may hold classes."""
    image_column: str | None = None
    """The column of images that is read."""

    def take_columns(self, images: Iterable[str], labels: Iterable[str], read: str) -> None:
        """Record the columns of a table."""
        self.image_columns, self.label_columns = nameable(images), nameable(labels)
        self.image_column = read


def read_images(
    stream: BinaryIO,
    name: str,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    limits: Limits = IMAGE_LIMITS,
    notes: ImageNotes | None = None,
    layout: Layout | None = None,
) -> Iterator[RawImage | FormatError]:
    """The images in a file: a zip's in name order, those of other files in file order. Nothing is decoded here.

    A sample that cannot be read (a damaged member, a row without bytes) is yielded as its error, and reading goes on after
    it. An IDX file of labels has no images; see `read_labels`.

    Args:
        layout: Of the folders that contain the file. An archive's members go by the folders inside the archive.

    Raises:
        FormatError: where the file itself is unsafe or cannot be read.
    """
    notes = ImageNotes() if notes is None else notes
    file_format = detect(name, "image")
    size = size_of(stream)
    place = Place(name)
    if not size:
        raise place.error("empty_file", "is empty")
    budget = Budget(size, limits)
    if file_format.kind is Kind.IMAGE:
        label, held_out = layout.place(name) if layout else parse_path(name)
        yield _image(Member(place, stream.read(limits.image_bytes + 1), label, held_out), limits)
        return
    if file_format.kind in {Kind.ZIP, Kind.TAR}:
        archive = MediaArchive(stream, file_format, place, budget, limits, limits.image_bytes, _is_image)
        for member in archive.members(notes):
            yield _image(member, limits)
        if not notes.members:
            raise place.error(
                "no_images",
                f"holds no image{notes.ignored.description}. Known formats: {KNOWN_FORMATS['image']}",
                passed_over=notes.ignored.kinds(),
                known_formats=KNOWN_FORMATS["image"],
            )
        return
    if held_out := is_held_out(name):
        notes.note_held_out()
    source = Source(stream, file_format.compression, place, budget)
    if file_format.kind is Kind.IDX:
        pixels = read_idx(source, limits)
        for number, image in enumerate(pixels if pixels.ndim > 1 else ()):
            yield RawImage(Place(name, f"image {number}"), image, None, held_out)
        return
    with _unpacked(stream, source, file_format) as table:
        for row in _rows(table, place, budget, (image_column, label_column), notes):
            yield row if isinstance(row, FormatError) else replace(row, held_out=held_out)


def read_labels(stream: BinaryIO, name: str, *, limits: Limits = IMAGE_LIMITS) -> NDArray[np.uint8] | None:
    """The labels in an IDX file, shape (N,). None for every other file.

    Raises:
        FormatError: ``bad_idx``, and every code for a problem with its compression.
    """
    file_format = detect(name, "image")
    if file_format.kind is not Kind.IDX:
        return None
    budget = Budget(size_of(stream), limits)
    found = read_idx(Source(stream, file_format.compression, Place(name), budget), limits)
    return found if found.ndim == 1 else None


def _image(member: Member, limits: Limits) -> RawImage | FormatError:
    place, content = member.place, member.content
    if isinstance(content, FormatError):
        return content
    if content is None or len(content) > limits.image_bytes:
        return _too_many_bytes(place, limits)
    if not content:
        return place.error("empty_file", "is empty")
    return RawImage(place, content, member.label, member.held_out)


def _too_many_bytes(place: Place, limits: Limits) -> FormatError:
    return place.error(
        "image_too_large",
        f"is larger than {limits.image_bytes:,} bytes; make it smaller",
        case="bytes",
        most_bytes=limits.image_bytes,
    )


def _is_image(member: str) -> bool:
    try:
        return detect(member, "image").kind is Kind.IMAGE
    except FormatError:
        return False


@contextmanager
def _unpacked(stream: BinaryIO, source: Source, file_format: Format) -> Iterator[BinaryIO]:
    """The stream of a table. A compressed table is unpacked to a temporary file first, because tables are read from their end."""
    if file_format.compression is None:
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(source, unpacked, 1 << 20)
        unpacked.seek(0)
        yield cast(BinaryIO, unpacked)


def _rows(
    table: BinaryIO, file: Place, budget: Budget, columns: tuple[str | None, str | None], notes: ImageNotes
) -> Iterator[RawImage | FormatError]:
    # Imported where it is needed: the import takes 0.3 s, and most files do not need it.
    from core.formats.image.table import image_rows  # noqa: PLC0415 - see above

    image, label = columns
    rows = image_rows(
        table,
        file,
        budget,
        image_column=image,
        label_column=label,
        notes=notes.notes,
        on_columns=notes.take_columns,
    )
    for row in rows:
        place = Place(file.file, f"row {row.number}")
        if not row.content:
            yield place.error("bad_image", "has no image", case="missing")
        elif len(row.content) > budget.limits.image_bytes:
            yield _too_many_bytes(place, budget.limits)
        else:
            yield RawImage(place, row.content, row.label, held_out=False)
