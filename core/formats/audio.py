"""The way in for recordings: every one in a file whose format is known, still encoded."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from core.formats.archive import open_archive, open_member
from core.formats.errors import FormatError, Place
from core.formats.labels import parse_path
from core.formats.limits import AUDIO_LIMITS, Budget, Limits
from core.formats.names import KNOWN_FORMATS, Kind, detect, is_hidden
from core.formats.passed_over import PassedOver
from core.formats.source import Source, size_of
from core.formats.tar import tar_members


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


@dataclass
class AudioNotes:
    """What was met on the way through a file."""

    members: int = 0
    ignored: PassedOver = field(default_factory=PassedOver)
    """Members that are no recordings."""


def read_recordings(
    stream: BinaryIO, name: str, *, limits: Limits = AUDIO_LIMITS, notes: AudioNotes | None = None
) -> Iterator[RawRecording | FormatError]:
    """The recordings in a file, in order: a zip's in name order, a tar's as they come.

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
        yield _recording(place, stream.read(limits.audio_bytes + 1), limits)
        return
    if promised.kind is Kind.ZIP:
        yield from _zip(stream, place, budget, limits, notes)
    else:
        yield from _tar(Source(stream, promised.compression, place, budget), limits, notes)
    if not notes.members:
        there = f" (but {notes.ignored.count} other files)" if notes.ignored.count else ""
        raise place.error("no_audio", f"holds no recording{there}. Known are {KNOWN_FORMATS['audio']}")


def _recording(place: Place, content: bytes | None, limits: Limits) -> RawRecording | FormatError:
    if content is None or len(content) > limits.audio_bytes:
        return place.error(
            "audio_too_long", f"is larger than {limits.audio_bytes:,} bytes; cut it into shorter recordings"
        )
    if not content:
        return place.error("empty_file", "is empty")
    label, held_out = parse_path(place.file, place.member)
    return RawRecording(place, content, label, held_out)


def _zip(
    stream: BinaryIO, file: Place, budget: Budget, limits: Limits, notes: AudioNotes
) -> Iterator[RawRecording | FormatError]:
    with open_archive(stream, file.file, limits) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if info.is_dir() or is_hidden(info.filename):
                continue
            if not _is_audio(info.filename):
                notes.ignored.add(info.filename)
                continue
            notes.members += 1
            place = Place(file.file, info.filename)
            try:
                content = _member(archive, info, place, budget, limits)
            except FormatError as error:
                if error.code == "archive_bomb":
                    raise
                yield error
            else:
                yield _recording(place, content, limits)


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place, budget: Budget, limits: Limits
) -> bytes:
    with open_member(archive, info, place) as member:
        return Source(cast(BinaryIO, member), None, place, budget).read(limits.audio_bytes + 1)


def _tar(source: Source, limits: Limits, notes: AudioNotes) -> Iterator[RawRecording | FormatError]:
    for place, content in tar_members(source, limits, limits.audio_bytes):
        member = place.member or ""
        if not _is_audio(member):
            notes.ignored.add(member)
            continue
        notes.members += 1
        yield _recording(place, content, limits)


def _is_audio(member: str) -> bool:
    try:
        return detect(member, "audio").kind is Kind.AUDIO
    except FormatError:
        return False
