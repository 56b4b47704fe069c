"""Inspects an uploaded text file: reads all of it once and reports statistics."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from core.characters import brief
from core.formats.containers.source import size_of
from core.formats.distinct_samples import DistinctSample, DistinctSamples
from core.formats.errors import FormatError, FormatErrorCode
from core.formats.limits import DEFAULT_LIMITS, Limits
from core.formats.names import Compression, Kind, detect
from core.formats.notes import Note
from core.formats.tables.reading import AS_FOUND, ReadingOptions
from core.formats.text.documents import read_documents
from core.formats.text.examples import TextExample, TextExamples
from core.formats.text.label_census import LabelCensus
from core.formats.text.repeats import RepeatCounter
from core.formats.text.scripts import ScriptCounter
from core.formats.text.sources import Notes
from core.formats.text.tokenizer_trial import TokenizerTrialError, try_tokenizer


@dataclass(frozen=True)
class FileReport:
    """One file's statistics. All values are plain, so that ``dataclasses.asdict`` gives JSON."""

    kind: Kind
    compression: Compression | None
    bytes: int
    """Size of the file as uploaded."""
    documents: int
    """Documents that are not only whitespace. 0 for a tokenizer."""
    characters: int
    text_column: str | None
    """The column (CSV, Parquet) or key (JSON Lines) that was read. In a zip: that of its first table."""
    delimiter: str | None
    """The character between the fields of a CSV file; in a zip, of its first."""
    quote: str | None
    """The character around the fields of that CSV file: ``"``, ``'`` or ``none``."""
    members: int
    """Files read in a zip; 0 for any other file."""
    ignored: tuple[str, ...]
    """Files in a zip of unknown formats; the first 100."""
    passed_over: dict[str, int]
    """The number of files of each kind in an archive that are not read, by the ending of their names: the 20 most
    frequent kinds, and all others as one."""
    notes: tuple[Note, ...]
    """Notes for people on how the file was read."""
    vocabulary_size: int | None
    """Of a tokenizer: its largest id plus one, after the special tokens that it lacks are added."""
    tokenizer_sha256: str | None
    """SHA-256 of a tokenizer's content, decompressed."""
    columns: tuple[str, ...] | None
    """Columns or keys of text that a table has; in a zip, that every table has. None where there is no table."""
    ledger: Mapping[str, Any]
    """`DistinctSamples.facts` of the documents."""
    whole_ledger: Mapping[str, Any]
    """`DistinctSamples.facts` where each plain text file is one document (``data.documents: whole_file``)."""
    labels: Mapping[str, Any]
    """`LabelCensus.facts`: columns that may hold labels, folders, tags of words, and what is held out by names."""
    length_histogram: tuple[int, ...]
    """Entry ``b`` counts the documents of 2^(b-1) to 2^b - 1 characters."""
    scripts: Mapping[str, int]
    """Number of letters of each script (by Unicode block), the most frequent script first."""
    repeats: int
    """Documents that are an exact copy of an earlier one of this file. Training reads them once."""
    examples: tuple[TextExample, ...]
    """The first documents, shortened, as the dashboard shows them."""


def inspect_file(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    limits: Limits = DEFAULT_LIMITS,
) -> FileReport:
    """Inspect a whole file. Memory use is bounded, except for 8 bytes a document.

    Args:
        stream: Seekable; it is read from its start.

    Raises:
        FormatError: every code of a reader; also ``no_documents``, where the file has only whitespace.
    """
    file_format = detect(name)
    census = LabelCensus()
    notes, ledger = Notes(labels=census, whole=DistinctSamples()), DistinctSamples()
    documents = characters = 0
    histogram = [0] * 65
    examples = TextExamples()
    scripts, repeats = ScriptCounter(), RepeatCounter()
    found = read_documents(stream, name, text_column=text_column, options=options, limits=limits, notes=notes)
    for document in found:
        length = len(document)
        characters += length
        histogram[length.bit_length()] += 1
        content = document.encode()
        scripts.add(content)
        ledger.add(DistinctSample(repeats.add(content), characters=length, size=len(content)))
        examples.add(document)
        documents += 1
    if not documents and notes.tokenizer is None:
        raise FormatError("no_documents", "holds only whitespace, so that there is no text to train on", name)
    vocabulary_size = None if notes.tokenizer is None else _trial_size(notes.tokenizer, name)
    while histogram and not histogram[-1]:
        histogram.pop()
    return FileReport(
        kind=file_format.kind,
        compression=file_format.compression,
        bytes=size_of(stream),
        documents=documents,
        characters=characters,
        text_column=notes.text_column,
        delimiter=notes.dialect.delimiter if notes.dialect else None,
        quote=notes.dialect.quote if notes.dialect else None,
        members=notes.members,
        ignored=tuple(brief(member) for member in notes.ignored.names),
        passed_over=notes.ignored.kinds(),
        notes=tuple(notes.notes),
        vocabulary_size=vocabulary_size,
        tokenizer_sha256=sha256(notes.tokenizer).hexdigest() if notes.tokenizer is not None else None,
        columns=notes.columns,
        ledger=ledger.facts(),
        whole_ledger=notes.whole.facts() if notes.whole is not None else {},
        labels=census.facts(),
        length_histogram=tuple(histogram),
        scripts=scripts.counts(),
        repeats=repeats.count(),
        examples=tuple(examples.examples),
    )


def _trial_size(tokenizer: bytes, name: str) -> int:
    try:
        return try_tokenizer(tokenizer)
    except TokenizerTrialError as error:
        code: FormatErrorCode = "pattern_too_slow" if error.code == "pattern_too_slow" else "bad_tokenizer"
        raise FormatError(code, error.message, name, **error.params) from None
