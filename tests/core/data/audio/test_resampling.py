"""Resampling keeps the frequencies of the new band and removes those above it, without aliasing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.data.audio.resampling import PEAK, resample, to_pcm

Tone = Callable[..., Any]


def spectrum(samples: Any) -> Any:
    inner = samples[len(samples) // 8 : -len(samples) // 8]
    return np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) * 4 / len(inner)


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (48000, 16000), (22050, 8000), (11025, 8000)])
def test_a_tone_above_the_new_band_is_removed(rate: int, wanted: int, tone: Tone) -> None:
    for hertz in np.linspace(0.52 * wanted, 0.49 * rate, 5):
        left = resample(tone(hertz, 1.0, rate).astype(np.float32), rate, wanted)
        assert spectrum(left).max() < 0.5 * 10 ** (-70 / 20)


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (8000, 16000), (16000, 8000), (7999, 8000)])
def test_a_tone_within_the_new_band_is_kept(rate: int, wanted: int, tone: Tone) -> None:
    for hertz in (100.0, 1000.0, 0.42 * min(rate, wanted)):
        found = resample(tone(hertz, 1.0, rate).astype(np.float32), rate, wanted)
        assert abs(len(found) - wanted) <= 1
        expected = 0.5 * np.sin(2 * np.pi * hertz * np.arange(len(found)) / wanted)
        middle = slice(wanted // 8, -wanted // 8)
        assert found[middle] == pytest.approx(expected[middle], abs=1e-3)


def test_nothing_is_too_short_to_resample() -> None:
    for length in range(1, 20):
        assert len(resample(np.ones(length, dtype=np.float32), 48000, 8000)) >= 1


def test_levels() -> None:
    samples = np.array([0.1, 0.3, -0.1, 0.3], dtype=np.float32)
    loud = to_pcm(samples, normalize=True) / 32767
    assert np.abs(loud).max() == pytest.approx(PEAK, abs=1e-4)
    assert loud.mean() == pytest.approx(0.0, abs=1e-4)
    assert (to_pcm(np.zeros(4, dtype=np.float32), normalize=True) == 0).all()
    assert to_pcm(np.array([2.0, -2.0], dtype=np.float32), normalize=False).tolist() == [32767, -32767]
