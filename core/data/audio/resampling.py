"""One sampling rate and one level for all recordings."""

import numpy as np
import soxr
from numpy.typing import NDArray

from core.data.audio.prepared import FULL_SCALE
from core.formats.audio.decoding import Samples

PEAK = 0.95
"""Of full scale: what the loudest sample comes to. Resampling may overshoot what was there before it, and is done first."""


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Samples at another rate (Hz), shape (ceil(N * wanted / rate),) to a sample; at least one.

    Band-limited by libsoxr at its high quality: what the new rate cannot hold is taken away, by 100 dB and more, instead
    of folding back.
    """
    if rate == wanted:
        return samples
    resampled: Samples = soxr.resample(samples, rate, wanted, quality="HQ").astype(np.float32, copy=False)
    return resampled if len(resampled) else samples[:1]


def to_pcm(samples: Samples, *, normalize: bool) -> NDArray[np.int16]:
    """Samples as 16-bit numbers, rounded; with ``normalize`` without their mean and at one peak level."""
    if normalize:
        samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
        peak = float(np.abs(samples).max())
        if peak > 1e-6:  # what is silent stays silent, instead of its noise being made loud
            samples = samples * np.float32(PEAK / peak)
    return np.rint(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype(np.int16)
