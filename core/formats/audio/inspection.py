"""Inspects an uploaded file of recordings: decodes all of it once and reports statistics."""

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import Any, BinaryIO

from core.characters import brief
from core.formats.audio.decoding import Sound, decode_sound
from core.formats.audio.pictures import thumbnail
from core.formats.audio.recordings import AudioNotes, RawRecording, read_recordings
from core.formats.audio.statistics import SoundStatistics
from core.formats.audio.transcript_inspection import TranscriptReport, inspect_transcripts
from core.formats.audio.transcript_matching import recording_path
from core.formats.containers.source import size_of
from core.formats.content import content_hash
from core.formats.distinct_samples import DistinctSample, DistinctSamples, storable
from core.formats.errors import BadSample, FormatError, Place
from core.formats.limits import AUDIO_LIMITS, Budget, Limits
from core.formats.names import Compression, Kind, detect
from core.formats.notes import Note

THUMBNAILS = 24
NAMED = 20
_CLASSES = 1000


@dataclass(frozen=True)
class AudioFileReport:
    """One file's statistics. All values are plain, so that ``dataclasses.asdict`` gives JSON."""

    kind: Kind
    compression: Compression | None
    bytes: int
    """Size of the file as uploaded."""
    samples: int
    """Recordings that can be decoded."""
    duplicates: int
    """Of those, exact copies of an earlier one."""
    held_out: int
    """Of those, the ones that the file itself marks as held out."""
    bad: int
    """Recordings that cannot be decoded."""
    bad_samples: tuple[BadSample, ...]
    """The name and the error of each of the first of them."""
    ignored: tuple[str, ...]
    """Files in an archive that are no recordings; the first 100."""
    passed_over: dict[str, int]
    """The number of files of each kind in an archive that are not read, by the ending of their names: the 20 most
    frequent kinds, and all others as one."""
    notes: tuple[Note, ...]
    """Notes for people on how the file was read."""
    sound: dict[str, Any]
    """`SoundStatistics.facts`: hours, lengths, sampling rates, channels, silence, clipping."""
    classes: dict[str, int]
    """Recordings of each class, by folder; the 1,000 largest."""
    unlabelled: int
    names: tuple[str, ...]
    """Paths of some recordings, on which the dashboard tries ``data.audio.group_pattern``."""
    ledger: dict[str, Any]
    """`DistinctSamples.facts` of the recordings that can be decoded."""
    transcripts: TranscriptReport | None
    """None where no transcripts are in the file."""
    thumbnails: tuple[str, ...]
    """The same recordings, chosen by content hash: the waveform above the spectrogram, as PNG in base64."""


class _Tally:
    def __init__(self) -> None:
        self.duplicates = self.held_out = self.bad = self.unlabelled = 0
        self.bad_samples: list[BadSample] = []
        self.first_error: FormatError | None = None
        self.statistics = SoundStatistics()
        self.classes: Counter[str] = Counter()
        # A heap with the largest hash on top (negated), so that the smallest hashes stay: a choice that does not depend
        # on the order.
        self.chosen: list[tuple[int, int, str, str]] = []
        self._seen: set[int] = set()
        self.ledger = DistinctSamples()

    def add(self, raw: RawRecording, sound: Sound) -> None:
        self.statistics.add(sound)
        self.held_out += raw.held_out
        if raw.label is None:
            self.unlabelled += 1
        else:
            self.classes[brief(raw.label)] += 1
        digest = content_hash(raw.content)
        self.ledger.add(
            DistinctSample(
                digest,
                held_out=raw.held_out,
                size=len(sound.samples),
                rate=sound.sampling_rate,
                path=storable(raw.path),
            )
        )
        if digest in self._seen:
            self.duplicates += 1
            return
        self._seen.add(digest)
        if len(self.chosen) < THUMBNAILS or -digest > self.chosen[0][0]:
            heapq.heappush(
                self.chosen,
                (-digest, self.statistics.recordings, brief(raw.path), thumbnail(sound)),
            )
            if len(self.chosen) > THUMBNAILS:
                heapq.heappop(self.chosen)

    def note_bad(self, error: FormatError) -> None:
        self.bad += 1
        self.first_error = self.first_error or error
        if len(self.bad_samples) < NAMED:
            self.bad_samples.append(error.bad_sample)


def inspect_audio_file(stream: BinaryIO, name: str, *, limits: Limits = AUDIO_LIMITS) -> AudioFileReport:
    """Inspect a whole file. Memory use is that of its longest recording.

    Args:
        stream: Seekable; it is read from its start.

    Raises:
        FormatError: where the file is unsafe or cannot be read, or none of its recordings can be decoded.
    """
    file_format = detect(name, "audio")
    notes = AudioNotes()
    tally = _Tally()
    # Decoding counts as decompression: hours of silence are only some bytes in a FLAC file.
    budget = Budget(size_of(stream), limits)
    paths: set[str] = set()
    for raw in read_recordings(stream, name, limits=limits, notes=notes):
        paths.add(recording_path(Place(raw.file, raw.member) if isinstance(raw, FormatError) else raw.place))
        if isinstance(raw, FormatError):
            tally.note_bad(raw)
            continue
        try:
            sound = decode_sound(raw, limits, budget=budget)
        except FormatError as error:
            if error.code == "archive_bomb":
                raise
            tally.note_bad(error)
            continue
        tally.add(raw, sound)
    if not tally.statistics.recordings and tally.first_error:
        raise tally.first_error
    transcripts, tables = inspect_transcripts(stream, name, paths, limits)
    for member in tables:
        notes.ignored.take_back(member)
    shown = sorted(tally.chosen, key=lambda one: -one[0])
    return AudioFileReport(
        kind=file_format.kind,
        compression=file_format.compression,
        bytes=size_of(stream),
        samples=tally.statistics.recordings,
        duplicates=tally.duplicates,
        held_out=tally.held_out,
        bad=tally.bad,
        bad_samples=tuple(tally.bad_samples),
        ignored=tuple(brief(member) for member in notes.ignored.names),
        passed_over=notes.ignored.kinds(),
        notes=tuple(notes.notes),
        sound=tally.statistics.facts,
        classes=dict(tally.classes.most_common(_CLASSES)),
        unlabelled=tally.unlabelled,
        names=tuple(name for _, _, name, _ in shown),
        ledger=tally.ledger.facts(),
        transcripts=transcripts,
        thumbnails=tuple(picture for _, _, _, picture in shown),
    )
