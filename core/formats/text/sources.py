"""The parts of an uploaded file of text that are read one after the other: the file, or an archive's members."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from core.formats.containers.archive import open_archive, open_member
from core.formats.containers.layout import Folders, Layout
from core.formats.containers.member_names import zip_names
from core.formats.containers.passed_over import EMPTY, PassedOver
from core.formats.containers.source import size_of
from core.formats.distinct_samples import DistinctSamples
from core.formats.errors import FormatError, Place
from core.formats.limits import Budget, Limits
from core.formats.names import KNOWN_FORMATS, Format, Kind, detect, detect_at, is_hidden
from core.formats.notes import Note
from core.formats.tables.dialect import Dialect
from core.formats.tables.reading import Reading, ReadingOptions, Row
from core.spec.text_data import ColumnFileSpec

_NOTES = 20


class Census(Protocol):
    """Counts labels: `core.formats.text.label_census.LabelCensus`."""

    def choose(self, columns: Sequence[str], /) -> Sequence[str]: ...

    def add_row(self, row: Row, place: Place, /) -> None: ...

    def add_file(self, folder: str | None, text: str, /, *, held_out: bool) -> None: ...

    def add_sentence(self, sentence: Any, place: Place, /) -> None: ...


@dataclass
class Notes:
    """What reading a file found beside its documents."""

    text_column: str | None = None
    dialect: Dialect | None = None
    """The dialect of the first CSV file."""
    members: int = 0
    ignored: PassedOver = field(default_factory=PassedOver)
    tokenizer: bytes | None = None
    """The content of the first ``tokenizer.json``."""
    vocabulary_size: int | None = None
    notes: list[Note] = field(default_factory=list)
    columns: tuple[str, ...] | None = None
    """Names of columns of text that every table has. None where there is no table."""
    labels: Census | None = None
    """If given, counts the labels that `read_documents` finds beside the documents."""
    whole: DistinctSamples | None = None
    """If given, records the documents that `read_pieces` yields with ``whole_files``."""

    def take(self, reading: Reading) -> None:
        """Record what the reader of one table noted."""
        self.text_column = self.text_column or reading.column_used
        self.dialect = self.dialect or reading.dialect
        for note in reading.notes:
            if note not in self.notes and len(self.notes) < _NOTES:
                self.notes.append(note)
        if reading.columns is not None:
            before = None if self.columns is None else set(self.columns)
            self.columns = tuple(name for name in reading.columns if before is None or name in before)


class Member(NamedTuple):
    info: zipfile.ZipInfo
    path: str
    format: Format


def members(archive: zipfile.ZipFile, file: str, notes: Notes) -> list[Member]:
    """The members to read: not empty and of known formats, in name order."""
    found = []
    known = 0
    infos = archive.infolist()
    for path, at in sorted(zip(zip_names(infos), range(len(infos)), strict=True)):
        if path.endswith("/"):
            continue
        member_format = None if is_hidden(path) else _known(path, Place(file, path))
        if member_format is None:
            notes.ignored.add(path)
            continue
        known += 1
        if infos[at].file_size:
            found.append(Member(infos[at], path, member_format))
        else:
            notes.ignored.add(path, EMPTY)
    if not known:
        raise FormatError(
            "unknown_format",
            f"holds no file of a known format{notes.ignored.description}. Known formats: {KNOWN_FORMATS['text']}",
            file,
            case="archive",
            passed_over=notes.ignored.kinds(),
            known_formats=KNOWN_FORMATS["text"],
        )
    return found


def _known(path: str, place: Place) -> Format | None:
    """The format of a member; None where it is not read. An archive inside an archive is not opened."""
    try:
        found = detect_at(path, place)
    except FormatError:
        return None
    return None if found.kind is Kind.ZIP else found


class TableOptions(NamedTuple):
    """How tables are to be read."""

    column: str | None
    options: ReadingOptions
    columns: ColumnFileSpec | None = None
    """Of files in CoNLL layout; None: found by reading them."""


class TextSource(NamedTuple):
    """An open file or member, ready to be read."""

    stream: BinaryIO
    format: Format
    reading: Reading
    budget: Budget
    layout: Layout
    """The folders of an archive's plain text files."""
    columns: ColumnFileSpec | None
    """Of files in CoNLL layout; None: found by reading them."""


def sources(
    stream: BinaryIO, name: str, table: TableOptions, limits: Limits, notes: Notes
) -> Iterator[TextSource]:
    """The file, or its members one after the other. Read each before the next is taken from the iterator."""
    file_format = detect(name)
    size = size_of(stream)
    if not size:
        raise FormatError("empty_file", "is empty", name)
    budget = Budget(size, limits)
    if file_format.kind is not Kind.ZIP:
        yield TextSource(
            stream,
            file_format,
            Reading(Place(name), table.column, limits, table.options),
            budget,
            Layout(),
            table.columns,
        )
        return
    with open_archive(stream, name, limits) as archive:
        listed = members(archive, name, notes)
        layout = _layout(listed, name)
        for found in listed:
            place = Place(name, found.path)
            notes.members += 1
            with open_member(archive, found.info, place) as member:
                reading = Reading(place, table.column, limits, table.options)
                yield TextSource(cast(BinaryIO, member), found.format, reading, budget, layout, table.columns)


def _layout(listed: Iterable[Member], file: str) -> Layout:
    folders = Folders(file)
    for found in listed:
        if found.format.kind is Kind.TEXT:
            folders.add(found.path)
    return folders.layout()
