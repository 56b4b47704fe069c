"""Reads the transcripts of recordings: tables and LibriSpeech's ``*.trans.txt``, alone or in an archive."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, cast

from core.formats.audio.transcript import Transcript
from core.formats.containers.archive import open_archive, open_member
from core.formats.containers.layout import HELD_OUT_NAMES, Layout, named_split
from core.formats.containers.member_names import TarNames, zip_names
from core.formats.containers.source import Source, size_of
from core.formats.containers.tar import tar_files, tar_headers
from core.formats.errors import FormatError, FormatErrorCode, Place, printable
from core.formats.limits import AUDIO_LIMITS, Budget, Limits
from core.formats.names import TRANSCRIPT_KINDS, Format, Kind, detect, is_hidden
from core.formats.tables.reading import Reading
from core.formats.text.decode import decode, lines
from core.formats.text.labelled import split_of
from core.formats.text.sources import TextSource
from core.formats.text.tables import table_rows
from core.spec.audio import AudioDataSpec

FILE_COLUMNS = ("file", "path", "file_name", "filename", "audio", "audio_filepath", "wav_filename", "id")
"""Names of columns that name the recording, the most likely first."""
TRANSCRIPT_COLUMNS = ("text", "sentence", "transcript", "transcription")
"""Names of columns with the transcript, the most likely first."""

_MEMBER_BYTES = 256 << 20
"""Size of the largest table in a tar, which is read whole."""
_CODES: Mapping[Kind, FormatErrorCode] = {
    Kind.CSV: "bad_csv",
    Kind.JSONL: "bad_json",
    Kind.PARQUET: "bad_parquet",
}


@dataclass
class TranscriptNotes:
    """What reading the transcripts of a file found beside them."""

    tables: list[str] = field(default_factory=list)
    """Members with transcripts."""
    others: list[tuple[Place, tuple[str, ...]]] = field(default_factory=list)
    """Tables without a column of transcripts or of recordings, each with its columns."""


class _OtherTableError(Exception):
    """A table without the columns of transcripts; the argument is the names of its columns."""


class _Member(NamedTuple):
    stream: BinaryIO
    format: Format
    place: Place
    budget: Budget


def read_transcripts(
    stream: BinaryIO,
    name: str,
    spec: AudioDataSpec,
    *,
    limits: Limits = AUDIO_LIMITS,
    notes: TranscriptNotes | None = None,
) -> Iterator[Transcript]:
    """The transcripts in a file, or in the tables of an archive, in order. A row without text or without a recording's name is none.

    A table without a column of transcripts and one of recordings is left out and noted.

    Args:
        spec: ``transcript_column``, ``file_column`` and ``split_column`` are used.

    Raises:
        FormatError: where the file, or a table in it, is unsafe or cannot be read.
    """
    notes = TranscriptNotes() if notes is None else notes
    for member in _members(stream, name, limits):
        place = member.place
        try:
            found = (
                _lines(member, limits)
                if member.format.kind is Kind.TRANSCRIPTS
                else _rows(member, spec, limits)
            )
            yield from found
        except _OtherTableError as error:
            notes.others.append((place, tuple(error.args[0])))
        else:
            notes.tables.append(place.member or place.file)


def _members(stream: BinaryIO, name: str, limits: Limits) -> Iterator[_Member]:
    file_format = detect(name, "audio")
    size = size_of(stream)
    stream.seek(0)
    budget = Budget(size, limits)
    if file_format.kind in TRANSCRIPT_KINDS:
        if not size:
            raise FormatError("empty_file", "is empty", name)
        yield _Member(stream, file_format, Place(name), budget)
    elif file_format.kind is Kind.ZIP:
        yield from _zipped(stream, name, budget, limits)
    elif file_format.kind is Kind.TAR:
        yield from _tarred(stream, file_format, name, budget, limits)


def _zipped(stream: BinaryIO, name: str, budget: Budget, limits: Limits) -> Iterator[_Member]:
    with open_archive(stream, name, limits) as archive:
        infos = archive.infolist()
        for path, at in sorted(zip(zip_names(infos), range(len(infos)), strict=True)):
            table = table_format(path)
            if table is not None and infos[at].file_size:
                place = Place(name, path)
                with open_member(archive, infos[at], place) as member:
                    yield _Member(cast(BinaryIO, member), table, place, budget)


def _tarred(
    stream: BinaryIO, file_format: Format, name: str, budget: Budget, limits: Limits
) -> Iterator[_Member]:
    names, place = TarNames(), Place(name)
    # The encoding of the names is known only after all of them were read.
    looked = [names.look(info) for info in tar_headers(stream, file_format.compression, place, limits)]
    if not any(table_format(path) is not None for path in looked):
        return
    source = Source(stream, file_format.compression, place, budget)
    for info, read in tar_files(source, limits):
        path = names.read(info)
        table = table_format(path)
        if table is None or not info.size:
            continue
        content = read(_MEMBER_BYTES)
        if content is None:
            raise FormatError(
                "bad_transcript",
                f"is larger than {_MEMBER_BYTES:,} bytes; upload it beside the archive, or pack a zip",
                name,
                path,
                case="large_table",
                most_bytes=_MEMBER_BYTES,
            )
        yield _Member(io.BytesIO(content), table, Place(name, path), budget)


def table_format(path: str) -> Format | None:
    """The format of a member that may have transcripts; None of any other."""
    if is_hidden(path):
        return None
    try:
        found = detect(path, "audio")
    except FormatError:
        return None
    return found if found.kind in TRANSCRIPT_KINDS else None


def _lines(member: _Member, limits: Limits) -> Iterator[Transcript]:
    """LibriSpeech's layout: in each line the name of a recording without its ending, a blank, and the transcript."""
    place = member.place
    opened = Source(member.stream, member.format.compression, place, member.budget)
    texts = lines(decode(opened.chunks(), place), place, limits.document_characters, "bad_transcript")
    for number, line in enumerate(texts, 1):
        recording, *rest = line.split(maxsplit=1)[:2] or [""]
        if recording and rest:
            yield Transcript(recording, rest[0].strip(), place, number, table_split(place))


@dataclass
class _Columns:
    """The columns of a table that name the recording and the split."""

    spec: AudioDataSpec
    names: list[str] = field(default_factory=list)

    def choose(self, columns: Sequence[str]) -> Sequence[str]:
        wanted = self.spec.file_column
        by_name = next((name for name in FILE_COLUMNS if name in columns), None)
        recording = wanted if wanted is not None else by_name
        split = self.spec.split_column
        if recording is None or recording not in columns or (split is not None and split not in columns):
            raise _OtherTableError(columns)
        self.names = [recording, *([split] if split is not None else [])]
        return self.names


def _rows(member: _Member, spec: AudioDataSpec, limits: Limits) -> Iterator[Transcript]:
    place, kind = member.place, member.format.kind
    columns = _Columns(spec)
    reading = Reading(place, spec.transcript_column, limits)
    reading.preferred = TRANSCRIPT_COLUMNS
    reading.further = columns.choose
    source = TextSource(member.stream, member.format, reading, member.budget, Layout(), None)
    by_name = table_split(place)
    try:
        for line, text, (recording, *split) in table_rows(source):
            if isinstance(recording, dict) and recording.get("bytes"):
                raise place.error(
                    "bad_transcript",
                    f"line {line:,}: {printable(columns.names[0])!r} holds the sound itself, which is not read from tables; write the "
                    "recordings as files (WAV, FLAC, MP3 …), alone or in an archive, and name them in this column",
                    case="sound_in_table",
                    line=line,
                    column=columns.names[0],
                )
            name = _named(recording)
            if not text or text.isspace() or not name:
                continue
            held_out = by_name
            if spec.split_column is not None:
                held_out = split_of(split[0], spec.split_column, place, line, _CODES[kind])
            yield Transcript(name, text, place, line, held_out)
    except FormatError as error:
        if error.code != "no_text_column":
            raise
        raise _OtherTableError(error.params.get("columns", ())) from None


def _named(value: Any) -> str:
    """A recording's name in a table; of the `datasets` library's audio column its path."""
    if isinstance(value, dict):
        value = value.get("path")
    return "" if value is None else str(value).strip()


def table_split(place: Place) -> bool | None:
    """Whether the name of a table or of a folder above it marks its recordings as held out; None if it names no split."""
    split = named_split(place.member if place.member is not None else place.file)
    return None if split is None else split in HELD_OUT_NAMES
