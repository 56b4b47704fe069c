"""Decodes recordings to audio samples with libsndfile. What a header states is used only where the file's bytes confirm it."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.formats.audio.recordings import RawRecording
from core.formats.audio.riff import with_length
from core.formats.errors import FormatError, Place
from core.formats.limits import AUDIO_LIMITS, Budget, Limits

Samples = NDArray[np.float32]

_CONTAINERS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG"}
_RATES = range(1_000, 768_001)
_BLOCK = 1 << 18
_PCM_BYTES = 2
_FRAMES_A_BYTE = 8
"""Frames for each byte of a file, at most: only silence compresses further. A larger number in a header is not used
before the file is read."""
_UNKNOWN_FRAMES = 1 << 62
"""For a FLAC file whose header does not state its length, libsndfile reports more frames than this."""
_FULL_SCALE = 0.9999
_LOUDEST = 1e9
"""Largest absolute value. Floating-point files may exceed full scale (1) where they hold integers of 16 or 32 bits; a
larger value is an error."""
_LAST_PAGE_BYTES = 1 << 16


@dataclass(frozen=True)
class Sound:
    """A decoded recording."""

    samples: Samples
    """Shape (N,), N at least 1, all finite: the mean of the channels. Full scale is ±1."""
    sampling_rate: int
    """Hz."""
    channels: int
    """Number of channels in the file."""
    clipped: int
    """Samples at full scale in any channel, where the recorder clipped a louder sound."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sampling_rate


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A file read from front to back. soundfile seeks after each read, and libsndfile refuses that at the end of a FLAC file
    whose header does not state its length.
    """

    def seekable(self) -> bool:
        return False


def decode_sound(raw: RawRecording, limits: Limits = AUDIO_LIMITS, *, budget: Budget | None = None) -> Sound:
    """The audio samples of a recording.

    Args:
        budget: The limit on the decoded bytes of all recordings of the file, at 2 bytes a sample.

    Raises:
        FormatError: ``bad_audio``, ``truncated_audio``, ``audio_too_long``; ``archive_bomb``, from the budget.
    """
    place = raw.place
    content = with_length(raw.content, place)
    _check_ogg_is_whole(content, place)
    try:
        with _ForwardOnly(io.BytesIO(content)) as file:
            return _read(file, place, limits, budget, content_bytes=len(raw.content))
    except FormatError:
        raise
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise place.error(
            "bad_audio",
            f"cannot be read as WAV, FLAC or OGG ({_reason(error)}); save it again or remove it",
            case="unreadable",
            error=_reason(error),
        ) from None


def _read(
    file: soundfile.SoundFile, place: Place, limits: Limits, budget: Budget | None, *, content_bytes: int
) -> Sound:
    _check_head(file, place, limits)
    known = file.frames < _UNKNOWN_FRAMES
    kept = _SampleBuffer(file.frames if known and file.frames <= _FRAMES_A_BYTE * content_bytes else None)
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
        raise place.error("bad_audio", "has no samples (0 seconds); remove it", case="no_samples")
    if found < file.frames < _UNKNOWN_FRAMES:
        raise place.error(
            "truncated_audio",
            f"is cut off: only {found:,} of {file.frames:,} samples are there; copy it again or remove it",
            case="samples",
            samples=found,
            declared_samples=file.frames,
        )
    return Sound(kept.samples(), file.samplerate, file.channels, clipped)


def _check_head(file: soundfile.SoundFile, place: Place, limits: Limits) -> None:
    if file.format not in _CONTAINERS:
        raise place.error(
            "bad_audio",
            f"has content in the format {file.format}; save it as WAV, FLAC or OGG",
            case="format",
            format=file.format,
        )
    if file.samplerate not in _RATES:
        raise place.error(
            "bad_audio",
            f"states a sampling rate of {file.samplerate:,} Hz; {_RATES.start:,} to {_RATES.stop - 1:,} Hz are possible",
            case="sampling_rate",
            hertz=file.samplerate,
            least_hertz=_RATES.start,
            most_hertz=_RATES.stop - 1,
        )
    if not file.frames:
        raise place.error("bad_audio", "has no samples (0 seconds); remove it", case="no_samples")
    if limits.audio_samples < file.frames < _UNKNOWN_FRAMES:
        raise _too_long(place, limits)


def _check_block(block: Samples, begin: int, place: Place) -> None:
    if not np.isfinite(block).all():
        at = begin + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
        raise place.error(
            "bad_audio",
            f"holds a value that is not a finite number, at sample {at:,}; save it again",
            case="not_finite",
            sample=at,
        )
    if np.abs(block).max() > _LOUDEST:
        raise place.error(
            "bad_audio",
            f"holds values of {np.abs(block).max():.3g}, where full scale is 1; save it again",
            case="too_loud",
            value=np.abs(block).max(),
        )


class _SampleBuffer:
    """Collects decoded samples: in one array where the header's number of frames is used, else in a list of pieces."""

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
        "audio_too_long",
        f"is longer than {limits.audio_samples:,} samples; cut it into shorter recordings",
        case="samples",
        most_samples=limits.audio_samples,
    )


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200].rstrip(".")


def _check_ogg_is_whole(content: bytes, place: Place) -> None:
    """Refuse an OGG file that is cut off inside a page: libsndfile would end it at the last whole page without an error."""
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
    raise place.error(
        "truncated_audio", "is cut off inside its last page; copy it again or remove it", case="last_page"
    )
