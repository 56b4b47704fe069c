"""Draws a recording's waveform and spectrogram."""

import base64
import io
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.formats.audio.decoding import Sound

WIDTH, WAVE_HEIGHT, SPECTRUM_HEIGHT = 160, 40, 80
HEIGHT = WAVE_HEIGHT + SPECTRUM_HEIGHT
_GAP = 4
_RANGE_DB = 80.0
"""Range of levels that are drawn, below the loudest of the picture, dB."""
_FRAMES = 4 * WIDTH

Pixels = NDArray[np.uint8]


def waveform(sound: Sound, width: int = WIDTH, height: int = WAVE_HEIGHT) -> Pixels:
    """The range between the lowest and highest sample of each of ``width`` intervals, dark on white: shape (height, width).

    Full scale fills the height, so that a quiet recording looks quiet.
    """
    samples = sound.samples
    begins = np.arange(width) * len(samples) // width
    ends = np.maximum(begins + 1, np.arange(1, width + 1) * len(samples) // width)
    low = np.array([samples[begin:end].min() for begin, end in zip(begins, ends, strict=True)])
    high = np.array([samples[begin:end].max() for begin, end in zip(begins, ends, strict=True)])
    middle = (height - 1) / 2
    top = np.rint(middle - np.clip(high, -1, 1) * middle).astype(int)
    bottom = np.rint(middle - np.clip(low, -1, 1) * middle).astype(int)
    rows = np.arange(height)[:, None]
    drawn = (rows >= top) & (rows <= bottom)
    pixels: Pixels = np.where(drawn, 40, 255).astype(np.uint8)
    return pixels


def spectrogram(sound: Sound, width: int = WIDTH, height: int = SPECTRUM_HEIGHT) -> Pixels:
    """The power in windows of 32 ms, over a range of 80 dB.

    Loud is dark, low frequencies are at the bottom. Shape (height, width).
    """
    samples = sound.samples
    frame = max(16, round(0.032 * sound.sampling_rate))
    if len(samples) < frame:
        samples = np.pad(samples, (0, frame - len(samples)))
    count = min(_FRAMES, 1 + (len(samples) - frame) // max(1, frame // 4))
    begins = np.linspace(0, len(samples) - frame, count).astype(int)
    frames = samples[begins[:, None] + np.arange(frame)] * np.hanning(frame).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames))) + 1e-12
    columns = np.arange(width) * count // width
    lines = power.shape[1]
    edges = np.arange(height + 1) * lines // height
    bands = np.stack(
        [power[columns, begin : max(begin + 1, end)].mean(axis=1) for begin, end in itertools.pairwise(edges)]
    )
    decibels = 10.0 * np.log10(bands)
    level = np.clip((decibels - decibels.max()) / _RANGE_DB + 1.0, 0.0, 1.0)
    pixels: Pixels = np.rint(255.0 * (1.0 - level[::-1])).astype(np.uint8)
    return pixels


def thumbnail(sound: Sound) -> str:
    """The waveform above the spectrogram, 160 by 120 pixels: a PNG in base64."""
    out = io.BytesIO()
    Image.fromarray(np.concatenate([waveform(sound), spectrogram(sound)])).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def sound_sheet(thumbnails: Sequence[str], columns: int) -> bytes:
    """A PNG with some thumbnails of an `AudioFileReport`, row by row, transparent between them and in empty places."""
    columns = max(1, min(columns, len(thumbnails)))
    rows = -(-len(thumbnails) // columns) or 1
    across, down = WIDTH + _GAP, HEIGHT + _GAP
    sheet = Image.new("LA", (columns * across - _GAP, rows * down - _GAP))
    for number, encoded in enumerate(thumbnails):
        row, column = divmod(number, columns)
        image = Image.open(io.BytesIO(base64.b64decode(encoded)), formats=("PNG",)).convert("LA")
        sheet.paste(image, (column * across, row * down))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
