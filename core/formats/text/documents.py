"""Reads documents from an uploaded file of any supported format."""

from collections.abc import Iterator
from typing import BinaryIO, cast

from core.formats.containers.archive import open_archive, open_member
from core.formats.containers.source import Source, size_of
from core.formats.content import content_hash
from core.formats.distinct_samples import DistinctSample, WholeText
from core.formats.errors import Place
from core.formats.labels import parse_path
from core.formats.limits import DEFAULT_LIMITS, Budget, Limits
from core.formats.names import Kind, detect
from core.formats.tables.reading import AS_FOUND, ReadingOptions
from core.formats.text.column_files import Sentence, documents
from core.formats.text.column_texts import open_text, read_sentences, words_as_text
from core.formats.text.plain import split_text
from core.formats.text.sources import Notes, TableOptions, TextSource, members, sources
from core.formats.text.tables import table_rows
from core.formats.text.tokenizer import read_tokenizer
from core.spec.text_data import ColumnFileSpec

_BEGINNING = 1_000
"""Characters of a plain text file that are shown as an example of its class."""


def read_documents(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    columns: ColumnFileSpec | None = None,
    limits: Limits = DEFAULT_LIMITS,
    notes: Notes | None = None,
) -> Iterator[str]:
    """The documents in a file, in order. Memory use does not grow with the size of the file.

    ``stream`` is seekable and is read from its start. ``name`` decides the format. ``options`` says how a table is read,
    and ``text_column`` takes precedence over its column. Documents of only whitespace are left out. A zip's members are
    read in name order. Members of unknown formats are skipped, and counted in ``notes``. A Parquet file inside an archive
    is unpacked to a temporary file first, because Parquet is read from its end.

    A file in CoNLL layout gives its words as plain text (`core.formats.text.column_files`). With ``columns`` every plain text
    file is read in that layout.

    Raises:
        FormatError: with the code of the problem, when the reader reaches it.
    """
    notes = Notes() if notes is None else notes
    for source in sources(stream, name, TableOptions(text_column, options, columns), limits, notes):
        yield from _documents(source, notes)


def read_pieces(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    columns: ColumnFileSpec | None = None,
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
    for source in sources(stream, name, TableOptions(text_column, options, columns), limits, notes):
        if whole_files and source.format.kind is Kind.TEXT:
            yield from _whole(source)
        else:
            for document in _documents(source, notes):
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
            for found in members(archive, name, Notes()):
                if found.format.kind is Kind.TOKENIZER:
                    place = Place(name, found.path)
                    with open_member(archive, found.info, place) as member:
                        source = Source(cast(BinaryIO, member), found.format.compression, place, budget)
                        return read_tokenizer(source, limits)[0]
    return None


def _whole(source: TextSource) -> Iterator[tuple[str, bool]]:
    texts = open_text(source)
    if source.reading.in_columns:
        for document in words_as_text(source, texts):
            yield document, True
        return
    previous = ""
    for text in texts:
        if previous and text:
            yield previous, False
        previous = text or previous
    if previous:
        yield previous, True


def _documents(source: TextSource, notes: Notes) -> Iterator[str]:
    for document in _raw_documents(source, notes):
        if document and not document.isspace():
            if notes.whole is not None and not _is_cut(source):
                content = document.encode()
                size = len(content)
                notes.whole.add(DistinctSample(content_hash(content), characters=len(document), size=size))
            yield document
    notes.take(source.reading)


def _raw_documents(source: TextSource, notes: Notes) -> Iterator[str]:
    kind, place, reading = source.format.kind, source.reading.place, source.reading
    if kind is Kind.TOKENIZER:
        opened = Source(source.stream, source.format.compression, place, source.budget)
        tokenizer, vocabulary_size = read_tokenizer(opened, reading.limits)
        if notes.tokenizer is None:
            notes.tokenizer, notes.vocabulary_size = tokenizer, vocabulary_size
    elif kind in {Kind.TEXT, Kind.CONLL}:
        texts = open_text(source)
        if reading.in_columns:
            yield from _words(source, texts, notes)
        else:
            yield from split_text(_noted(source, texts, notes))
    else:
        if (labels := notes.labels) is not None:
            reading.further = lambda columns: labels.choose(
                [column for column in columns if column not in reading.repeated]
            )
        for row in table_rows(source):
            if labels is not None and row.text and not row.text.isspace():
                labels.add_row(row, place)
            yield row.text or ""


def _words(source: TextSource, texts: Iterator[str], notes: Notes) -> Iterator[str]:
    if notes.labels is None:
        yield from words_as_text(source, texts)
        return
    counter, place = notes.labels, source.reading.place

    def counted() -> Iterator[Sentence]:
        for sentence in read_sentences(source, texts, tags=True):
            counter.add_sentence(sentence, place)
            yield sentence

    yield from documents(counted())


def _noted(source: TextSource, texts: Iterator[str], notes: Notes) -> Iterator[str]:
    """The same text; recorded as a whole, and with its folder, where the notes ask for that."""
    place, beginning = source.reading.place, ""
    for text in texts if notes.whole is None else WholeText(texts, notes.whole):
        beginning = beginning or text[:_BEGINNING]
        yield text
    if notes.labels is not None and beginning and not beginning.isspace():
        folder, held_out = (
            source.layout.place(place.file, place.member) if place.member else parse_path(place.file)
        )
        notes.labels.add_file(folder, beginning, held_out=held_out)


def _is_cut(source: TextSource) -> bool:
    """Whether the file is one text that is cut into documents."""
    return source.format.kind is Kind.TEXT and not source.reading.in_columns
