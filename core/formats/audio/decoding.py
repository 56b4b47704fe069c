"""From an encoded recording to samples, with libsndfile; nothing in a header is believed that the bytes do not bear out."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.formats.audio.recordings import RawRecording
from core.formats.audio.riff import with_its_length
from core.formats.errors import FormatError, Place
from core.formats.limits import AUDIO_LIMITS, Budget, Limits

Samples = NDArray[np.float32]

_CONTAINERS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG"}
_RATES = range(1_000, 768_001)
_BLOCK = 1 << 18
_PCM_BYTES = 2
_FRAMES_A_BYTE = 8
"""No recording of anything but silence has more: what a header says beyond is not believed before it is read."""
_UNKNOWN_FRAMES = 1 << 62
"""What libsndfile says of a FLAC file whose header does not know its length is more."""
_FULL_SCALE = 0.9999
_LOUDEST = 1e9
"""Floating-point files may hold more than full scale, as whole numbers of 16 or 32 bits; beyond that nothing was recorded."""
_LAST_PAGE_BYTES = 1 << 16


@dataclass(frozen=True)
class Sound:
    """A recording's samples."""

    samples: Samples
    """Shape (N,), N at least 1, all finite; the mean of its channels. Full scale is ±1."""
    sampling_rate: int
    """Hz."""
    channels: int
    """That it was recorded with."""
    clipped: int
    """Samples at full scale in any channel: what was louder than the recorder could hold."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sampling_rate


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """Read from front to back: soundfile seeks after each piece that it reads, which libsndfile refuses at the end of a
    FLAC file whose header does not know its length."""

    def seekable(self) -> bool:
        return False


def decode_sound(raw: RawRecording, limits: Limits = AUDIO_LIMITS, *, budget: Budget | None = None) -> Sound:
    """The samples of a recording.

    Args:
        budget: What the samples of this recording and of others of its file may come to, two bytes each.

    Raises:
        FormatError: ``bad_audio``, ``truncated_audio``, ``audio_too_long``; ``archive_bomb``, from the budget.
    """
    place = raw.place
    content = with_its_length(raw.content, place)
    _check_ogg_is_whole(content, place)
    try:
        with _ForwardOnly(io.BytesIO(content)) as file:
            return _read(file, place, limits, budget, content_bytes=len(raw.content))
    except FormatError:
        raise
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise place.error(
            "bad_audio",
            f"is no WAV, FLAC or OGG that can be read ({_reason(error)}); save it again or remove it",
        ) from None


def _read(
    file: soundfile.SoundFile, place: Place, limits: Limits, budget: Budget | None, *, content_bytes: int
) -> Sound:
    _check_head(file, place, limits)
    known = file.frames < _UNKNOWN_FRAMES
    kept = _Kept(file.frames if known and file.frames <= _FRAMES_A_BYTE * content_bytes else None)
    found = clipped = 0
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        found += len(block)
        if found > limits.audio_samples:
            raise _too_long(place, limits)
        if budget is not None:
            budget.spend(_PCM_BYTES * block.size, place)
        _check_block(block, found - len(block), place)
        clipped += int((np.abs(block) >= _FULL_SCALE).any(axis=1).sum())
        kept.add(block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0])
    if not found:
        raise place.error("bad_audio", "has no sample at all (0 seconds); remove it")
    if found < file.frames < _UNKNOWN_FRAMES:
        raise place.error(
            "truncated_audio",
            f"is cut off: {found:,} of {file.frames:,} samples are there; copy it again or remove it",
        )
    return Sound(kept.samples(), file.samplerate, file.channels, clipped)


def _check_head(file: soundfile.SoundFile, place: Place, limits: Limits) -> None:
    if file.format not in _CONTAINERS:
        raise place.error("bad_audio", f"is {file.format} inside; save it as WAV, FLAC or OGG")
    if file.samplerate not in _RATES:
        raise place.error(
            "bad_audio",
            f"says that it has {file.samplerate:,} samples a second; {_RATES.start:,} to {_RATES.stop - 1:,} are possible",
        )
    if not file.frames:
        raise place.error("bad_audio", "has no sample at all (0 seconds); remove it")
    if limits.audio_samples < file.frames < _UNKNOWN_FRAMES:
        raise _too_long(place, limits)


def _check_block(block: Samples, begin: int, place: Place) -> None:
    if not np.isfinite(block).all():
        at = begin + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
        raise place.error("bad_audio", f"holds a value that is no number, at sample {at:,}; save it again")
    if np.abs(block).max() > _LOUDEST:
        raise place.error(
            "bad_audio",
            f"holds values of {np.abs(block).max():.3g}, where full scale is 1; save it again",
        )


class _Kept:
    """Samples as they come; where their number is believed beforehand, in the memory of one array."""

    def __init__(self, frames: int | None) -> None:
        self._whole = None if frames is None else np.empty(frames, np.float32)
        self._filled = 0
        self._pieces: list[Samples] = []

    def add(self, block: Samples) -> None:
        if self._whole is not None and self._filled + len(block) <= len(self._whole):
            self._whole[self._filled : self._filled + len(block)] = block
            self._filled += len(block)
        else:
            self._pieces.append(block)

    def samples(self) -> Samples:
        whole = [] if self._whole is None else [self._whole[: self._filled]]
        return whole[0] if whole and not self._pieces else np.concatenate([*whole, *self._pieces])


def _too_long(place: Place, limits: Limits) -> FormatError:
    return place.error(
        "audio_too_long", f"is longer than {limits.audio_samples:,} samples; cut it into shorter recordings"
    )


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200].rstrip(".")


def _check_ogg_is_whole(content: bytes, place: Place) -> None:
    """libsndfile ends an OGG file at its last whole page."""
    if content[:4] != b"OggS":
        return
    start = max(0, len(content) - _LAST_PAGE_BYTES * 2)
    page = content.rfind(b"OggS", start)
    segments_at = page + 27
    if page >= 0 and segments_at <= len(content):
        count = content[page + 26]
        table = content[segments_at : segments_at + count]
        if len(table) == count and segments_at + count + sum(table) <= len(content):
            return
    raise place.error("truncated_audio", "is cut off inside its last page; copy it again or remove it")
