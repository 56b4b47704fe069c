"""Converts recordings to one sampling rate and one peak level."""

import numpy as np
import soxr
from numpy.typing import NDArray

from core.data.audio.prepared import FULL_SCALE
from core.formats.audio.decoding import Samples

PEAK = 0.95
"""The level of the loudest sample as a share of full scale. Resampling is done first, because it may overshoot."""


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Samples at another sampling rate (Hz), shape (ceil(N * wanted / rate),) within one sample, and at least one.

    Band-limited by libsoxr at its high quality: frequencies that the new rate cannot represent are attenuated by at least
    100 dB, which prevents aliasing.
    """
    if rate == wanted:
        return samples
    resampled: Samples = soxr.resample(samples, rate, wanted, quality="HQ").astype(np.float32, copy=False)
    return resampled if len(resampled) else samples[:1]


def to_pcm(samples: Samples, *, normalize: bool) -> NDArray[np.int16]:
    """Samples as 16-bit integers, rounded. With ``normalize``: after subtracting their mean and scaling to one peak level."""
    if normalize:
        samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
        peak = float(np.abs(samples).max())
        if peak > 1e-6:  # a silent recording stays silent; its noise is not amplified
            samples = samples * np.float32(PEAK / peak)
    return np.rint(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype(np.int16)
