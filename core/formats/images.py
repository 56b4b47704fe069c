"""The way in for images: every one in a file whose format is known, still encoded."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from core.formats.archive import open_archive, open_member
from core.formats.errors import FormatError, Place
from core.formats.idx import read_idx
from core.formats.labels import parse_path
from core.formats.limits import IMAGE_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, Format, Kind, detect, is_hidden
from core.formats.passed_over import PassedOver
from core.formats.source import Source, size_of
from core.formats.tar import tar_members


@dataclass(frozen=True)
class RawImage:
    """One image as it was found."""

    place: Place
    content: bytes | NDArray[np.uint8]
    """The encoded file; of an IDX file the pixels, (H, W) or (H, W, C)."""
    label: str | None
    """Its class, by folder or column."""
    held_out: bool
    """Whether the dataset itself sets it aside for evaluation."""


@dataclass
class ImageNotes:
    """What was met on the way through a file."""

    members: int = 0
    ignored: PassedOver = field(default_factory=PassedOver)
    """Members that are no images."""


def read_images(
    stream: BinaryIO,
    name: str,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    limits: Limits = IMAGE_LIMITS,
    notes: ImageNotes | None = None,
) -> Iterator[RawImage | FormatError]:
    """The images in a file, in order: a zip's in name order, any other's as they come.

    A sample that cannot be had (a damaged member, a row without bytes) comes as the error that says why, and those
    behind it follow. Nothing is decoded here. An IDX file of labels has no images; see `read_labels`.

    Raises:
        FormatError: where the file itself is not to be believed or read.
    """
    notes = ImageNotes() if notes is None else notes
    promised = detect(name, "image")
    size = size_of(stream)
    place = Place(name)
    if not size:
        raise place.error("empty_file", "is empty")
    budget = Budget(size, limits)
    if promised.kind is Kind.IMAGE:
        yield _image(place, stream.read(limits.image_bytes + 1), limits)
    elif promised.kind is Kind.ZIP:
        yield from _zip(stream, place, budget, limits, notes)
    elif promised.kind is Kind.TAR:
        yield from _tar(Source(stream, promised.compression, place, budget), limits, notes)
    elif promised.kind is Kind.IDX:
        pixels = read_idx(Source(stream, promised.compression, place, budget), limits)
        held_out = parse_path(name, "")[1]
        if pixels.ndim > 1:
            for number, image in enumerate(pixels):
                yield RawImage(Place(name, f"image {number}"), image, None, held_out)
    else:
        yield from _table(stream, promised, budget, place, (image_column, label_column))


def read_labels(stream: BinaryIO, name: str, *, limits: Limits = IMAGE_LIMITS) -> NDArray[np.uint8] | None:
    """The labels that an IDX file holds, shape (N,); None where a file is no such.

    Raises:
        FormatError: ``bad_idx`` and what can be wrong with its compression.
    """
    promised = detect(name, "image")
    if promised.kind is not Kind.IDX:
        return None
    budget = Budget(size_of(stream), limits)
    found = read_idx(Source(stream, promised.compression, Place(name), budget), limits)
    return found if found.ndim == 1 else None


def _image(place: Place, content: bytes, limits: Limits) -> RawImage | FormatError:
    if len(content) > limits.image_bytes:
        return _too_many_bytes(place, limits)
    if not content:
        return place.error("empty_file", "is empty")
    return RawImage(place, content, *parse_path(place.file, place.member))


def _too_many_bytes(place: Place, limits: Limits) -> FormatError:
    return place.error("image_too_large", f"is larger than {limits.image_bytes:,} bytes; make it smaller")


def _zip(
    stream: BinaryIO, file: Place, budget: Budget, limits: Limits, notes: ImageNotes
) -> Iterator[RawImage | FormatError]:
    with open_archive(stream, file.file, limits) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if info.is_dir() or is_hidden(info.filename):
                continue
            if not _is_image(info.filename):
                notes.ignored.add(info.filename)
                continue
            notes.members += 1
            place = Place(file.file, info.filename)
            try:
                yield _image(place, _member(archive, info, place, budget, limits), limits)
            except FormatError as error:
                if error.code == "archive_bomb":
                    raise
                yield error
    _expect_images(notes, file)


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place, budget: Budget, limits: Limits
) -> bytes:
    with open_member(archive, info, place) as member:
        return Source(cast(BinaryIO, member), None, place, budget).read(limits.image_bytes + 1)


def _tar(source: Source, limits: Limits, notes: ImageNotes) -> Iterator[RawImage | FormatError]:
    for place, content in tar_members(source, limits, limits.image_bytes):
        member = place.member or ""
        if not _is_image(member):
            notes.ignored.add(member)
            continue
        notes.members += 1
        yield _too_many_bytes(place, limits) if content is None else _image(place, content, limits)
    _expect_images(notes, source.place)


def _expect_images(notes: ImageNotes, file: Place) -> None:
    if not notes.members:
        there = f" (but {notes.ignored.count} other files)" if notes.ignored.count else ""
        raise file.error("no_images", f"holds no image{there}. Known are {KNOWN_FORMATS['image']}")


def _is_image(member: str) -> bool:
    try:
        return detect(member, "image").kind is Kind.IMAGE
    except FormatError:
        return False


def _table(
    stream: BinaryIO, promised: Format, budget: Budget, file: Place, columns: tuple[str | None, str | None]
) -> Iterator[RawImage | FormatError]:
    # Imported where it is needed: a third of a second that most files can do without.
    from core.formats.image_table import image_rows  # noqa: PLC0415 - see above

    held_out = parse_path(file.file, "")[1]
    with tempfile.TemporaryFile() as unpacked:
        table: BinaryIO = stream
        if promised.compression is not None:
            shutil.copyfileobj(Source(stream, promised.compression, file, budget), unpacked, 1 << 20)
            unpacked.seek(0)
            table = cast(BinaryIO, unpacked)
        for row in image_rows(table, file, budget, image_column=columns[0], label_column=columns[1]):
            place = Place(file.file, f"row {row.number}")
            if not row.content:
                yield place.error("bad_image", "has no image")
            elif len(row.content) > budget.limits.image_bytes:
                yield _too_many_bytes(place, budget.limits)
            else:
                yield RawImage(place, row.content, row.label, held_out)
