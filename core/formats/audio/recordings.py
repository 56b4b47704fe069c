"""The way in for recordings: every one in a file whose format is known, still encoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.formats.containers.layout import Layout
from core.formats.containers.media import MediaArchive, MediaNotes, Member
from core.formats.containers.source import size_of
from core.formats.errors import FormatError, Place
from core.formats.labels import parse_path
from core.formats.limits import AUDIO_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, Kind, detect


@dataclass(frozen=True)
class RawRecording:
    """One recording as it was found."""

    place: Place
    content: bytes
    """The encoded file."""
    label: str | None
    """Its class, by folder."""
    held_out: bool
    """Whether the dataset itself sets it aside for evaluation."""

    @property
    def path(self) -> str:
        """Its path in the archive, or the file's own."""
        return self.place.member or self.place.file


class AudioNotes(MediaNotes):
    """What was met on the way through a file."""


def read_recordings(
    stream: BinaryIO,
    name: str,
    *,
    limits: Limits = AUDIO_LIMITS,
    notes: AudioNotes | None = None,
    layout: Layout | None = None,
) -> Iterator[RawRecording | FormatError]:
    """The recordings in a file, in order: a zip's in name order, a tar's as they come.

    ``layout`` is of the folders that the file itself lies in; what lies in an archive goes by the archive's own.

    A sample that cannot be had (a damaged member, an empty one) comes as the error that says why, and those behind
    it follow. Nothing is decoded here.

    Raises:
        FormatError: where the file itself is not to be believed or read.
    """
    notes = AudioNotes() if notes is None else notes
    promised = detect(name, "audio")
    size = size_of(stream)
    place = Place(name)
    if not size:
        raise place.error("empty_file", "is empty")
    budget = Budget(size, limits)
    if promised.kind is Kind.AUDIO:
        notes.members += 1
        label, held_out = layout.place(name) if layout else parse_path(name)
        yield _recording(Member(place, stream.read(limits.audio_bytes + 1), label, held_out), limits)
        return
    archive = MediaArchive(stream, promised, place, budget, limits, limits.audio_bytes, _is_audio)
    for member in archive.members(notes):
        yield _recording(member, limits)
    if not notes.members:
        raise place.error(
            "no_audio", f"holds no recording{notes.ignored.told}. Known are {KNOWN_FORMATS['audio']}"
        )


def _recording(member: Member, limits: Limits) -> RawRecording | FormatError:
    place, content = member.place, member.content
    if isinstance(content, FormatError):
        return content
    if content is None or len(content) > limits.audio_bytes:
        return place.error(
            "audio_too_long", f"is larger than {limits.audio_bytes:,} bytes; cut it into shorter recordings"
        )
    if not content:
        return place.error("empty_file", "is empty")
    return RawRecording(place, content, member.label, member.held_out)


def _is_audio(member: str) -> bool:
    try:
        return detect(member, "audio").kind is Kind.AUDIO
    except FormatError:
        return False
