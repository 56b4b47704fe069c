"""Reads the transcripts of a dataset's files and assigns them to its recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from core.characters import brief
from core.data.audio.transcripts import ORPHANS_NAMED, TranscriptFacts
from core.data.errors import unreadable
from core.data.files import DataFile, read_each
from core.formats.audio.transcript import Transcript
from core.formats.audio.transcript_matching import RecordingNames, match
from core.formats.audio.transcripts import TranscriptNotes, read_transcripts
from core.formats.errors import FormatError, Place, printable
from core.formats.splits import Recorded
from core.spec.audio import AudioDataSpec

_TABLES_NAMED = 20
_COLUMNS_NAMED = 10


@dataclass(frozen=True)
class Transcripts:
    """The transcripts of the recordings that are kept."""

    texts: list[str | None]
    held_out: list[bool | None]
    """Whether a table holds the recording out; None where none says."""
    facts: TranscriptFacts

    def marked(self, recordings: Sequence[Recorded]) -> list[Recorded]:
        """The recordings with the split of the tables, where they say one."""
        return [
            one if held_out is None else replace(one, held_out=held_out)
            for one, held_out in zip(recordings, self.held_out, strict=True)
        ]


def transcripts_of(
    files: Sequence[DataFile], spec: AudioDataSpec, places: Mapping[str, int | None]
) -> Transcripts:
    """Read all transcripts and match them.

    Args:
        places: By `recording_path` the number of the recording that is kept; None where it is bad.

    Raises:
        DataError: ``data_unreadable``.
    """
    notes = TranscriptNotes()
    try:
        matching = match(_read(files, spec, notes), RecordingNames(places))
    except FormatError as error:
        raise unreadable(error) from error
    count = 1 + max((number for number in places.values() if number is not None), default=-1)
    texts: list[str | None] = [None] * count
    held_out: list[bool | None] = [None] * count
    for path, found in matching.found.items():
        number = places[path]
        # Copies of a recording are dropped; the first transcript of any of them is the recording's.
        if number is not None and texts[number] is None:
            texts[number], held_out[number] = found.text, found.held_out
    given = [text for text in texts if text is not None]
    facts = TranscriptFacts(
        with_transcript=len(given),
        without_transcript=count - len(given),
        orphans=len(matching.orphans),
        first_orphans=tuple(
            (orphan.where, printable(brief(orphan.recording, 200)))
            for orphan in matching.orphans[:ORPHANS_NAMED]
        ),
        repeated=matching.duplicates,
        characters=sum(map(len, given)),
        words=sum(len(text.split()) for text in given),
        without_at=tuple(islice(_without(places, texts), ORPHANS_NAMED)),
        tables=tuple(_described(*other) for other in notes.others[:_TABLES_NAMED]),
    )
    return Transcripts(texts, held_out, facts)


def _without(places: Mapping[str, int | None], texts: Sequence[str | None]) -> Iterator[str]:
    """The first place of each recording without a transcript."""
    told = set()
    for path, number in places.items():
        if number is not None and texts[number] is None and number not in told:
            told.add(number)
            yield printable(brief(path, 200))


def _read(files: Sequence[DataFile], spec: AudioDataSpec, notes: TranscriptNotes) -> Iterator[Transcript]:
    return read_each(files, lambda file, stream: read_transcripts(stream, file.name, spec, notes=notes))


def _described(place: Place, columns: Sequence[str]) -> str:
    name = place.file if place.member is None else f"{place.file} ({place.member})"
    shown = ", ".join(printable(brief(column, 80)) for column in columns[:_COLUMNS_NAMED])
    return f"{printable(brief(name))} with the columns {shown or 'none'}"
