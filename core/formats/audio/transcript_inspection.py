"""What inspection says about the transcripts in an uploaded file of recordings."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, BinaryIO

from core.characters import brief, unstorable
from core.formats.audio.transcript_matching import RecordingNames, match
from core.formats.audio.transcripts import TranscriptNotes, read_transcripts
from core.formats.errors import FormatError, printable
from core.formats.limits import Limits
from core.spec.audio import AudioDataSpec

_EXAMPLES = 24
_CHARACTERS = 300
_ORPHANS = 20
_LOST_CHARACTERS = 200


@dataclass(frozen=True)
class TranscriptReport:
    """The transcripts of one file. All values are plain, for JSON."""

    rows: int
    """Transcripts that were read."""
    matched: int
    """Recordings of the file with a transcript."""
    orphans: int
    """Transcripts whose recording is not in the file; it may be in another one of the dataset."""
    first_orphans: tuple[str, ...]
    """Where the first of them are, with the names of their recordings."""
    repeated: int
    characters: int
    words: int
    examples: tuple[tuple[str, str], ...]
    """Names of some recordings, each with the beginning of its transcript."""
    problem: dict[str, Any] | None = None
    """Why the transcripts cannot be read, as `FormatError.nested`."""
    lost: tuple[tuple[str | None, int, str], ...] = ()
    """Of the first orphans: member and line of the table, and the recording's name as it is there."""


def inspect_transcripts(
    stream: BinaryIO, name: str, paths: Collection[str], limits: Limits
) -> tuple[TranscriptReport | None, list[str]]:
    """The report on a file's transcripts, None where it has none, and the members of an archive that have them.

    Args:
        paths: `recording_path` of all recordings in the file.

    Raises:
        FormatError: ``archive_bomb``. Any other problem is in the report, because only some jobs read transcripts.
    """
    notes = TranscriptNotes()
    try:
        transcripts = list(read_transcripts(stream, name, AudioDataSpec(), limits=limits, notes=notes))
        matching = match(transcripts, RecordingNames(paths))
    except FormatError as error:
        if error.code == "archive_bomb":
            raise
        return TranscriptReport(0, 0, 0, (), 0, 0, 0, (), error.nested), []
    if not transcripts:
        return None, []
    report = TranscriptReport(
        rows=len(transcripts),
        matched=len(matching.found),
        orphans=len(matching.orphans),
        first_orphans=tuple(
            f"{orphan.where}: {printable(brief(orphan.recording, 200))}"
            for orphan in matching.orphans[:_ORPHANS]
        ),
        repeated=matching.duplicates,
        characters=sum(len(one.text) for one in transcripts),
        words=sum(len(one.text.split()) for one in transcripts),
        lost=tuple(
            (orphan.place.member, orphan.line, _storable(orphan.recording))
            for orphan in matching.orphans[:_ORPHANS]
            if len(orphan.recording) <= _LOST_CHARACTERS
        ),
        examples=tuple(
            (printable(brief(one.recording, 200)), printable(brief(one.text, _CHARACTERS)))
            for one in transcripts[:_EXAMPLES]
        ),
    )
    return report, notes.tables


def _storable(name: str) -> str:
    """A name as it is, so that it can be looked for among the recordings of other files. One that no database can store is none
    of theirs."""
    return name if unstorable(name) is None else printable(name)
