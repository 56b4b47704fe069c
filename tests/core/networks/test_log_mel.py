"""Log-mel spectrograms, compared with their formula and with the feature extractor of `transformers`."""

import math
import warnings

import numpy as np
import pytest
import torch
from transformers import ASTFeatureExtractor

from core.networks.log_mel import FLOOR, LogMel, mel_filters


@pytest.mark.parametrize(("bins", "rate"), [(40, 16000), (64, 8000), (128, 16000), (23, 22050)])
def test_filters_are_triangles_evenly_spaced_in_mel(bins: int, rate: int) -> None:
    found = mel_filters(bins, rate)
    assert found.shape == (257, bins)

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    low, high = mel(20), mel(rate // 2)
    step = (high - low) / (bins + 1)
    for band in range(bins):
        left, peak, right = (low + step * (band + n) for n in range(3))
        for line in range(257):
            at = mel(line * rate / 512)
            if left < at <= peak:
                expected = (at - left) / (peak - left)
            elif peak < at < right:
                expected = (right - at) / (right - peak)
            else:
                expected = 0.0
            assert found[line, band] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("seconds", "rate", "bins"), [(1.0, 16000, 64), (0.333, 16000, 128), (0.7, 8000, 40)]
)
def test_a_spectrogram_is_what_transformers_extracts(seconds: float, rate: int, bins: int) -> None:
    length = round(seconds * rate)
    wave = np.random.default_rng(0).normal(scale=0.1, size=length).astype(np.float32)
    frames = 1 + (length - 400) // 160 + 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # narrow bands contain no frequency of the spectrum
        extractor = ASTFeatureExtractor(
            sampling_rate=rate, num_mel_bins=bins, max_length=frames, mean=-3.0, std=2.0
        )
    expected = extractor(wave, sampling_rate=rate, return_tensors="np")["input_values"][0]
    clip = torch.from_numpy(np.pad(wave, (0, 3000)))[None]
    found = (LogMel(bins, rate, frames)(clip, torch.tensor([length]))[0] + 3.0) / 4.0
    assert found.numpy() == pytest.approx(expected, abs=2e-4)


def test_silence_is_the_floor_and_padding_is_zero() -> None:
    found = LogMel(32, 16000, 8)(torch.zeros(2, 1200), torch.tensor([1200, 100]))
    assert found.shape == (2, 8, 32)
    assert found[0, :6].numpy() == pytest.approx(math.log(FLOOR))
    assert (found[0, 6:] == 0).all()
    assert (found[1, 1:] == 0).all()


def test_frames_are_counted_whole() -> None:
    counts = LogMel(32, 16000, 8).count(torch.tensor([1, 399, 400, 559, 560, 5000]))
    assert counts.tolist() == [1, 1, 1, 1, 2, 8]
