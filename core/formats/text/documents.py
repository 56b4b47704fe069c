"""Reads documents from an uploaded file of any supported format."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, cast

from core.formats.containers.archive import open_archive, open_member
from core.formats.containers.member_names import zip_names
from core.formats.containers.passed_over import EMPTY, PassedOver
from core.formats.containers.source import Source, size_of
from core.formats.content import content_hash
from core.formats.distinct_samples import DistinctSample, DistinctSamples, WholeText
from core.formats.errors import FormatError, Place
from core.formats.limits import DEFAULT_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, Compression, Format, Kind, detect, detect_at, is_hidden
from core.formats.notes import Note
from core.formats.tables.dialect import Dialect
from core.formats.tables.reading import AS_FOUND, Reading, ReadingOptions
from core.formats.text.decode import decode, lines
from core.formats.text.delimited import csv_documents
from core.formats.text.jsonl import jsonl_documents
from core.formats.text.plain import split_text
from core.formats.text.tokenizer import read_tokenizer

_NOTES = 20


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
    whole: DistinctSamples | None = None
    """If given, records the documents that `read_pieces` yields with ``whole_files``."""


def read_documents(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    limits: Limits = DEFAULT_LIMITS,
    notes: Notes | None = None,
) -> Iterator[str]:
    """The documents in a file, in order. Memory use does not grow with the size of the file.

    ``stream`` is seekable and is read from its start. ``name`` decides the format. ``options`` says how a table is read,
    and ``text_column`` takes precedence over its column. Documents of only whitespace are left out. A zip's members are
    read in name order. Members of unknown formats are skipped, and counted in ``notes``. A Parquet file inside an archive
    is unpacked to a temporary file first, because Parquet is read from its end.

    Raises:
        FormatError: with the code of the problem, when the reader reaches it.
    """
    notes = Notes() if notes is None else notes
    for source in _sources(stream, name, _TableOptions(text_column, options), limits, notes):
        yield from _documents(*source, notes)


def read_pieces(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    whole_files: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[tuple[str, bool]]:
    """The documents in a file, as `read_documents` reads them, in pieces; and whether a piece is the last of its document.

    With ``whole_files`` each plain text file is one document of any length, unchanged except for line ends, which become
    ``\\n``. Its pieces are yielded as they are read.

    Raises:
        FormatError: as `read_documents` does.
    """
    notes = Notes()
    for source in _sources(stream, name, _TableOptions(text_column, options), limits, notes):
        if whole_files and source.format.kind is Kind.TEXT:
            yield from _whole(source)
        else:
            for document in _documents(*source, notes):
                yield document, True


def read_uploaded_tokenizer(stream: BinaryIO, name: str, *, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """The content of the ``tokenizer.json`` that a file is or, as a zip, contains. None where there is none.

    Raises:
        FormatError: ``bad_tokenizer``, and every code for a problem with an archive.
    """
    file_format = detect(name)
    budget = Budget(size_of(stream), limits)
    if file_format.kind is Kind.TOKENIZER:
        return read_tokenizer(Source(stream, file_format.compression, Place(name), budget), limits)[0]
    if file_format.kind is Kind.ZIP:
        with open_archive(stream, name, limits) as archive:
            for found in _members(archive, name, Notes()):
                if found.format.kind is Kind.TOKENIZER:
                    place = Place(name, found.path)
                    with open_member(archive, found.info, place) as member:
                        source = Source(cast(BinaryIO, member), found.format.compression, place, budget)
                        return read_tokenizer(source, limits)[0]
    return None


class _Member(NamedTuple):
    info: zipfile.ZipInfo
    path: str
    format: Format


def _members(archive: zipfile.ZipFile, file: str, notes: Notes) -> list[_Member]:
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
            found.append(_Member(infos[at], path, member_format))
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


class _TableOptions(NamedTuple):
    """How tables are to be read."""

    column: str | None
    options: ReadingOptions


class _Source(NamedTuple):
    """An open file or member, ready to be read."""

    stream: BinaryIO
    format: Format
    reading: Reading
    budget: Budget


def _sources(
    stream: BinaryIO, name: str, table: _TableOptions, limits: Limits, notes: Notes
) -> Iterator[_Source]:
    """The file, or its members one after the other. Read each before the next is taken from the iterator."""
    file_format = detect(name)
    size = size_of(stream)
    if not size:
        raise FormatError("empty_file", "is empty", name)
    budget = Budget(size, limits)
    if file_format.kind is not Kind.ZIP:
        yield _Source(stream, file_format, Reading(Place(name), table.column, limits, table.options), budget)
        return
    with open_archive(stream, name, limits) as archive:
        for found in _members(archive, name, notes):
            place = Place(name, found.path)
            notes.members += 1
            with open_member(archive, found.info, place) as member:
                reading = Reading(place, table.column, limits, table.options)
                yield _Source(cast(BinaryIO, member), found.format, reading, budget)


def _whole(source: _Source) -> Iterator[tuple[str, bool]]:
    place = source.reading.place
    chunks = Source(source.stream, source.format.compression, place, source.budget).chunks()
    previous = ""
    for text in decode(chunks, place):
        if previous and text:
            yield previous, False
        previous = text or previous
    if previous:
        yield previous, True


def _documents(
    stream: BinaryIO, file_format: Format, reading: Reading, budget: Budget, notes: Notes
) -> Iterator[str]:
    for document in _raw_documents(stream, file_format, reading, budget, notes):
        if document and not document.isspace():
            if notes.whole is not None and file_format.kind is not Kind.TEXT:
                content = document.encode()
                size = len(content)
                notes.whole.add(DistinctSample(content_hash(content), characters=len(document), size=size))
            yield document
    notes.text_column = notes.text_column or reading.column_used
    notes.dialect = notes.dialect or reading.dialect
    for note in reading.notes:
        if note not in notes.notes and len(notes.notes) < _NOTES:
            notes.notes.append(note)
    if reading.columns is not None:
        before = None if notes.columns is None else set(notes.columns)
        notes.columns = tuple(name for name in reading.columns if before is None or name in before)


def _raw_documents(
    stream: BinaryIO, file_format: Format, reading: Reading, budget: Budget, notes: Notes
) -> Iterator[str]:
    place = reading.place
    source = Source(stream, file_format.compression, place, budget)
    kind = file_format.kind
    if kind is Kind.TOKENIZER:
        tokenizer, vocabulary_size = read_tokenizer(source, reading.limits)
        if notes.tokenizer is None:
            notes.tokenizer, notes.vocabulary_size = tokenizer, vocabulary_size
    elif kind is Kind.PARQUET:
        yield from _parquet(stream, source, file_format.compression, reading, budget)
    else:
        texts = decode(source.chunks(), place)
        limit = reading.limits.document_characters
        if kind is Kind.TEXT:
            yield from split_text(texts if notes.whole is None else WholeText(texts, notes.whole))
        elif kind is Kind.JSONL:
            yield from jsonl_documents(lines(texts, place, limit, "bad_json"), reading)
        else:
            yield from csv_documents(lines(texts, place, limit, "bad_csv"), reading)


def _parquet(
    stream: BinaryIO, source: Source, compression: Compression | None, reading: Reading, budget: Budget
) -> Iterator[str]:
    # Imported where it is needed: the import takes 0.3 s, and most files do not need it.
    from core.formats.text.parquet import parquet_documents  # noqa: PLC0415 - see above

    if compression is None and reading.place.member is None:
        yield from parquet_documents(stream, reading, budget)
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(source, unpacked, 1 << 20)
        if not unpacked.tell():
            raise reading.place.error("empty_file", "is empty")
        unpacked.seek(0)
        yield from parquet_documents(cast(BinaryIO, unpacked), reading, budget)
