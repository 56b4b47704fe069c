"""What an uploaded file holds, found out by reading all of it once."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from core.characters import brief
from core.formats.containers.source import size_of
from core.formats.errors import FormatError, FormatErrorCode
from core.formats.ledger import Ledger, Noted
from core.formats.limits import DEFAULT_LIMITS, Limits
from core.formats.names import Compression, Kind, detect
from core.formats.notes import Note
from core.formats.tables.reading import AS_FOUND, ReadingOptions
from core.formats.text.documents import Notes, read_documents
from core.formats.text.examples import TextExample, TextExamples
from core.formats.text.repeats import RepeatCounter
from core.formats.text.scripts import ScriptCounter
from core.formats.text.tokenizer_trial import TokenizerTrialError, try_tokenizer


@dataclass(frozen=True)
class FileReport:
    """One file's statistics; plain values all, so that ``dataclasses.asdict`` gives JSON."""

    kind: Kind
    compression: Compression | None
    bytes: int
    """Of the file as it is."""
    documents: int
    """That are not only whitespace. 0 for a tokenizer."""
    characters: int
    text_column: str | None
    """The column (CSV, Parquet) or key (JSON Lines) read; in a zip, of its first table."""
    delimiter: str | None
    """Between the fields of a CSV, also of one in a zip, as `text_column`."""
    quote: str | None
    """Around its fields: ``"``, ``'`` or ``none``."""
    members: int
    """Files read in a zip; 0 for any other file."""
    ignored: tuple[str, ...]
    """Files in a zip that are of no known format; the first 100."""
    passed_over: dict[str, int]
    """How many files of each kind in an archive are not read, by their endings; the 20 most frequent, and the rest as one."""
    notes: tuple[Note, ...]
    """What a person should know of how the file was read."""
    vocabulary_size: int | None
    """Of a tokenizer: one more than its largest id, once the special tokens that it lacks are added."""
    tokenizer_sha256: str | None
    """Of a tokenizer's content, decompressed."""
    columns: tuple[str, ...] | None
    """Columns or keys of text that a table has, in a zip every table; None where there is none."""
    ledger: Mapping[str, Any]
    """`Ledger.facts` of the documents."""
    whole_ledger: Mapping[str, Any]
    """The same where each plain text file is one document (``data.documents: whole_file``)."""
    length_histogram: tuple[int, ...]
    """Entry ``b`` counts the documents of 2^(b-1) to 2^b - 1 characters."""
    scripts: Mapping[str, int]
    """Letters by script (by Unicode block), the most frequent first."""
    repeats: int
    """Documents that repeat an earlier one of this file, word for word: training reads them once."""
    examples: tuple[TextExample, ...]
    """The first documents, shortened: what people are shown."""


def inspect_file(
    stream: BinaryIO,
    name: str,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    limits: Limits = DEFAULT_LIMITS,
) -> FileReport:
    """Reads a seekable stream whole, in memory bounded but for eight bytes a document.

    Raises:
        FormatError: also ``no_documents``, where there is only whitespace.
    """
    file_format = detect(name)
    notes, ledger = Notes(whole=Ledger()), Ledger()
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
        ledger.add(Noted(repeats.add(content), characters=length, size=len(content)))
        examples.add(document)
        documents += 1
    if not documents and notes.tokenizer is None:
        raise FormatError(
            "no_documents", "holds nothing but whitespace: there is no text to learn from", name
        )
    vocabulary_size = None if notes.tokenizer is None else _tried(notes.tokenizer, name)
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
        length_histogram=tuple(histogram),
        scripts=scripts.counts(),
        repeats=repeats.count(),
        examples=tuple(examples.examples),
    )


def _tried(tokenizer: bytes, name: str) -> int:
    try:
        return try_tokenizer(tokenizer)
    except TokenizerTrialError as error:
        code: FormatErrorCode = "pattern_too_slow" if error.code == "pattern_too_slow" else "bad_tokenizer"
        raise FormatError(code, error.message, name) from None
