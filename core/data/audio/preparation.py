"""Prepares a dataset of recordings: decoded and resampled once, stored on disk. See "Prepared data" in docs/engine-protocol.md."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.data.audio.prepared import PCM, PreparedAudio, open_prepared, write_meta
from core.data.audio.resampling import resample, to_pcm
from core.data.audio.split import held_out
from core.data.audio.transcript_preparation import transcripts_of
from core.data.audio.transcripts import write_transcripts
from core.data.bad_samples import refuse_many
from core.data.classes import numbered
from core.data.errors import unreadable
from core.data.files import DataFile, identities, layout_of, read_each
from core.data.label_places import PlaceCollector
from core.data.prepared import SkippedSample
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.formats.audio.decoding import Sound, decode_sound
from core.formats.audio.recordings import RawRecording, read_recordings
from core.formats.audio.statistics import SoundStatistics
from core.formats.audio.transcript_matching import recording_path
from core.formats.content import content_hash
from core.formats.errors import FormatError, Place, printable
from core.formats.limits import AUDIO_LIMITS, Budget
from core.formats.splits import Recorded
from core.spec.audio import AudioDataSpec
from core.spec.data import DataSpec
from core.spec.patterns import find_group
from core.spec.prepared import prepared_key

SKIPPED_NAMED = 100


@dataclass(frozen=True)
class _Decoded:
    raw: RawRecording
    sound: Sound
    pcm: NDArray[np.int16]


@dataclass
class _Found:
    """The results of reading so far, with one entry for each recording that is kept."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    kept: list[Recorded] = field(default_factory=list)
    samples: int = 0
    duplicates: int = 0
    bad: int = 0
    skipped: list[SkippedSample] = field(default_factory=list)
    statistics: SoundStatistics = field(default_factory=SoundStatistics)
    label_places: PlaceCollector = field(default_factory=PlaceCollector)
    numbers: dict[int, int] = field(default_factory=dict)
    """By a recording's content hash its place among those that are kept."""
    places: dict[str, int | None] = field(default_factory=dict)
    """The recording that is kept at each `recording_path`; None where it is bad. Empty if transcripts are not read."""


def prepare(
    files: Sequence[DataFile], spec: DataSpec, cache: Path, *, on_progress: OnProgress | None = None
) -> PreparedAudio:
    """The dataset's prepared form in ``cache``. Prepared now if it is not there.

    Raises:
        DataError: ``data_too_small``, ``data_unreadable``, ``too_many_bad_samples``; with transcripts also
            ``transcripts_missing``, ``transcript_without_recording``.
        OSError: where ``cache`` cannot be written.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    key = cache_key(files, spec)
    prepared, cached = stored(
        cache,
        key,
        open_=open_prepared,
        build=lambda directory: _build(directory, key, files, spec, on_progress),
    )
    # Checked on each call, because the prepared data does not depend on this option.
    if spec.on_bad_sample == "refuse":
        seen = prepared.recordings + prepared.recordings_held_out + prepared.duplicates + prepared.bad
        refuse_many("recordings", prepared.bad, seen, prepared.skipped)
    if prepared.transcript_facts is not None:
        prepared.transcript_facts.check(spec.on_missing_label)
    return replace(prepared, cached=cached)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """The key of the prepared data: a hash of everything that it depends on."""
    return prepared_key("audio", spec, identities(files))


def _build(
    directory: Path, key: str, files: Sequence[DataFile], spec: DataSpec, on_progress: OnProgress | None
) -> None:
    reading = Progress(on_progress, "reading", sum(file.path.stat().st_size for file in files), "bytes")
    found = _Found()
    with (directory / PCM).open("wb") as pcm:
        for one in _decoded(_raw(files, reading.at), spec.audio):
            if isinstance(one, FormatError):
                found.bad += 1
                if spec.audio.transcripts:
                    found.places[recording_path(Place(one.file, one.member))] = None
                if len(found.skipped) < SKIPPED_NAMED:
                    where = one.file if one.member is None else f"{one.file} ({one.member})"
                    found.skipped.append(SkippedSample(printable(where), str(one)))
            else:
                _keep(one, spec.audio, found, pcm)
    reading.finish()
    transcripts = None
    if spec.audio.transcripts:
        transcripts = transcripts_of(files, spec.audio, found.places)
        found.kept = transcripts.marked(found.kept)
    decisions = held_out(found.kept, spec.held_out_fraction)
    classes, labels = numbered(found.labels)
    groups = sorted({one.group for one in found.kept if one.group is not None})
    index = np.empty((len(found.spans), 4), dtype=np.int64)
    index[:, :2] = found.spans
    index[:, 2] = labels
    numbers = {group: number for number, group in enumerate(groups)}
    index[:, 3] = [-1 if one.group is None else numbers[one.group] for one in found.kept]
    is_held_out = np.array(decisions)
    index[~is_held_out].tofile(directory / "train.index")
    index[is_held_out].tofile(directory / "held_out.index")
    if transcripts is not None:
        write_transcripts(directory, transcripts.texts, decisions)
    hours = index[:, 1] / (3600 * spec.audio.sampling_rate)
    prepared = PreparedAudio(
        directory=directory,
        key=key,
        cached=False,
        sampling_rate=spec.audio.sampling_rate,
        recordings=int((~is_held_out).sum()),
        recordings_held_out=int(is_held_out.sum()),
        hours=float(hours[~is_held_out].sum()),
        hours_held_out=float(hours[is_held_out].sum()),
        duplicates=found.duplicates,
        bad=found.bad,
        skipped=tuple(found.skipped),
        classes=tuple(classes),
        groups=tuple(groups),
        statistics=found.statistics.facts,
        transcript_facts=None if transcripts is None else transcripts.facts,
        label_places=found.label_places.found(classes),
    )
    write_meta(directory, prepared)


def _keep(one: _Decoded, spec: AudioDataSpec, found: _Found, pcm: BinaryIO) -> None:
    content = content_hash(one.raw.content)
    number = found.numbers.setdefault(content, len(found.kept))
    if spec.transcripts:
        found.places[recording_path(one.raw.place)] = number
    if number < len(found.kept):
        found.duplicates += 1
        return
    group = find_group(spec.group_pattern, one.raw.path)
    found.kept.append(Recorded(content, group, one.raw.held_out))
    found.labels.append(one.raw.label)
    found.label_places.add(one.raw.label, one.raw.place, held_out=one.raw.held_out)
    found.spans.append((found.samples, len(one.pcm)))
    found.samples += len(one.pcm)
    found.statistics.add(one.sound)
    pcm.write(one.pcm.tobytes())


def _raw(files: Sequence[DataFile], on_bytes: Callable[[int], None]) -> Iterator[RawRecording | FormatError]:
    layout = layout_of(files, "audio")
    return read_each(files, lambda file, stream: read_recordings(stream, file.name, layout=layout), on_bytes)


def _decoded(
    raws: Iterable[RawRecording | FormatError], spec: AudioDataSpec
) -> Iterator[_Decoded | FormatError]:
    """Each recording decoded, in order. Several threads decode: libsndfile and libsoxr release the interpreter lock."""
    workers = max(1, min(8, os.cpu_count() or 1))
    budgets: dict[str, Budget] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        ahead: deque[Future[_Decoded | FormatError]] = deque()
        for raw in raws:
            ahead.append(pool.submit(_decode, raw, spec))
            if len(ahead) >= 2 * workers:
                yield _within_budget(ahead.popleft().result(), budgets)
        while ahead:
            yield _within_budget(ahead.popleft().result(), budgets)


def _decode(raw: RawRecording | FormatError, spec: AudioDataSpec) -> _Decoded | FormatError:
    if isinstance(raw, FormatError):
        return raw
    try:
        sound = decode_sound(raw)
    except FormatError as error:
        return error
    if sound.seconds < spec.minimum_seconds:
        return raw.place.error(
            "bad_audio",
            f"lasts {sound.seconds:.4f} s, shorter than data.audio.minimum_seconds ({spec.minimum_seconds:g}); "
            "remove it",
            case="too_short",
            seconds=sound.seconds,
            least_seconds=spec.minimum_seconds,
        )
    samples = resample(sound.samples, sound.sampling_rate, spec.sampling_rate)
    return _Decoded(raw, sound, to_pcm(samples, normalize=spec.normalization == "peak"))


def _within_budget(one: _Decoded | FormatError, budgets: dict[str, Budget]) -> _Decoded | FormatError:
    """Apply the limit on decoded bytes. Decoding counts as decompression: hours of silence are only some bytes in a FLAC file."""
    if isinstance(one, _Decoded):
        place = one.raw.place
        budget = budgets.setdefault(place.file, Budget(0, AUDIO_LIMITS))
        budget.file_bytes += len(one.raw.content)
        try:
            budget.spend(one.pcm.nbytes, place)
        except FormatError as error:
            raise unreadable(error) from error
    return one
