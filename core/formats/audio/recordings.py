"""Reads recordings from an uploaded file of any supported format, without decoding them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.formats.containers.layout import Layout
from core.formats.containers.media import MediaArchive, MediaNotes, Member
from core.formats.containers.source import size_of
from core.formats.errors import FormatError, Place
from core.formats.labels import parse_path
from core.formats.limits import AUDIO_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, TRANSCRIPT_KINDS, Kind, detect


@dataclass(frozen=True)
class RawRecording:
    """One recording as it is stored."""

    place: Place
    content: bytes
    """The encoded file."""
    label: str | None
    """Its class, by folder."""
    held_out: bool
    """Whether the dataset itself marks it as held out."""

    @property
    def path(self) -> str:
        """Its path in the archive, or the name of the file."""
        return self.place.member or self.place.file


class AudioNotes(MediaNotes):
    """What reading a file found beside its recordings."""


def read_recordings(
    stream: BinaryIO,
    name: str,
    *,
    limits: Limits = AUDIO_LIMITS,
    notes: AudioNotes | None = None,
    layout: Layout | None = None,
) -> Iterator[RawRecording | FormatError]:
    """The recordings in a file: a zip's in name order, a tar's in archive order. Nothing is decoded here. A file of transcripts has none.

    A sample that cannot be read (a damaged or empty member) is yielded as its error, and reading goes on after it.

    Args:
        layout: Of the folders that contain the file. An archive's members go by the folders inside the archive.

    Raises:
        FormatError: where the file itself is unsafe or cannot be read.
    """
    notes = AudioNotes() if notes is None else notes
    file_format = detect(name, "audio")
    size = size_of(stream)
    place = Place(name)
    if not size:
        raise place.error("empty_file", "is empty")
    budget = Budget(size, limits)
    if file_format.kind is Kind.AUDIO:
        notes.members += 1
        label, held_out = layout.place(name) if layout else parse_path(name)
        yield _recording(Member(place, stream.read(limits.audio_bytes + 1), label, held_out), limits)
        return
    if file_format.kind in TRANSCRIPT_KINDS:
        return
    archive = MediaArchive(stream, file_format, place, budget, limits, limits.audio_bytes, _is_audio)
    for member in archive.members(notes):
        yield _recording(member, limits)
    if not notes.members:
        raise place.error(
            "no_audio",
            f"holds no recording{notes.ignored.description}. Known formats: {KNOWN_FORMATS['audio']}",
            passed_over=notes.ignored.kinds(),
            known_formats=KNOWN_FORMATS["audio"],
        )


def _recording(member: Member, limits: Limits) -> RawRecording | FormatError:
    place, content = member.place, member.content
    if isinstance(content, FormatError):
        return content
    if content is None or len(content) > limits.audio_bytes:
        return place.error(
            "audio_too_long",
            f"is larger than {limits.audio_bytes:,} bytes; cut it into shorter recordings",
            case="bytes",
            most_bytes=limits.audio_bytes,
        )
    if not content:
        return place.error("empty_file", "is empty")
    return RawRecording(place, content, member.label, member.held_out)


def _is_audio(member: str) -> bool:
    try:
        return detect(member, "audio").kind is Kind.AUDIO
    except FormatError:
        return False
