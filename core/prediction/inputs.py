"""Decodes the input of a prediction as a dataset's samples are decoded, with the same limits."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.audio.resampling import resample, to_pcm
from core.data.audio.samples import row_type
from core.formats import FormatError
from core.formats.audio.decoding import Sound, decode_sound
from core.formats.audio.recordings import RawRecording
from core.formats.errors import Place
from core.formats.image.images import RawImage
from core.formats.image.pixels import decode_image
from core.objectives.predictions import InputError
from core.spec.job import JobSpec

_NAME = "the input"


def decoded_row(job: JobSpec, content: bytes) -> NDArray[Any]:
    """One raw sample of the job's modality, shape (1, …), as its objective encodes them.

    Raises:
        InputError: with the code of the file format (``bad_image``, ``audio_too_long`` …).
    """
    try:
        return _DECODERS[job.task.modality](job, content)
    except FormatError as error:
        raise InputError(error.code, str(error), **error.facts) from error
    except MemoryError as error:
        raise InputError(
            "input_too_large", "Decoding the input takes too much memory; send a smaller one.", case="memory"
        ) from error


def image_row(job: JobSpec, raw: RawImage) -> NDArray[np.uint8]:
    """Shape (1, S, S, C), writable."""
    image = job.data.image
    return decode_image(raw, image.size, image.channels).pixels[None].copy()


def clip_row(job: JobSpec, sound: Sound) -> NDArray[np.void]:
    """The recording's first clip, of the type of `AudioSamples.rows`, shape (1,)."""
    audio = job.data.audio
    samples = resample(sound.samples, sound.sampling_rate, audio.sampling_rate)
    pcm = to_pcm(samples, normalize=audio.normalization == "peak")
    row = np.zeros(1, dtype=row_type(job.clip_samples))
    taken = min(len(pcm), 2 * job.clip_samples)
    row["length"], row["pcm"][0, :taken] = taken, pcm[:taken]
    return row


def _image(job: JobSpec, content: bytes) -> NDArray[Any]:
    return image_row(job, RawImage(Place(_NAME), content, None, held_out=False))


def _sound(job: JobSpec, content: bytes) -> NDArray[Any]:
    return clip_row(job, decode_sound(RawRecording(Place(_NAME), content, None, held_out=False)))


_DECODERS: Mapping[str, Callable[[JobSpec, bytes], NDArray[Any]]] = {"image": _image, "audio": _sound}
