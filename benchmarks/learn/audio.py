"""Spoken digits (``DIGIT/DIGIT_SPEAKER_N.wav``, 8 kHz) for the audio tasks, and the baseline accuracy without a network.

Whole speakers are held out by ``data.audio.group_pattern``, in pretraining and in the probes: the accuracy is that of telling digits
apart in an unknown voice.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import SplitName
from core.data.audio import PreparedAudio
from core.evaluation.probes import linear_accuracy

FRAME, STEP, FRAMES = 256, 128, 32
"""Of the baseline's spectra: samples of a frame, samples between frame starts, frames of a recording (0.5 s at 8 kHz)."""

DATA: Mapping[str, Any] = {
    "audio": {"sampling_rate": 8000, "clip_seconds": 0.6, "group_pattern": "_(?P<group>[a-z]+)_"}
}
"""The ``data`` section of a spec for these recordings."""


def log_spectrum(samples: NDArray[np.int16]) -> Tensor:
    """ln(1 + magnitude) of a recording's first half second, cut or padded with silence, shape (32 * 129,)."""
    needed = (FRAMES - 1) * STEP + FRAME
    wave = torch.from_numpy(samples[:needed].astype(np.float32)) / 32_767
    wave = torch.nn.functional.pad(wave, (0, needed - len(wave)))
    frames = wave.unfold(0, FRAME, STEP) * torch.hann_window(FRAME)
    spectrum: Tensor = torch.fft.rfft(frames).abs().log1p().flatten()
    return spectrum


def standardised_by_speaker(features: Tensor, speakers: NDArray[np.int64]) -> Tensor:
    """Features (N, …), standardised to mean 0 and deviation 1 over each speaker's recordings.

    Speech recognisers commonly do this, and it uses no label: it removes what a voice and its microphone add to every word, and
    keeps what distinguishes words.
    """
    features = features.double()
    for speaker in np.unique(speakers):
        own = torch.from_numpy(speakers == speaker)
        spread = features[own].std(dim=0, correction=0).clamp_min(1e-6)
        features[own] = (features[own] - features[own].mean(dim=0)) / spread
    return features


def floor(prepared: PreparedAudio) -> float:
    """Accuracy of a logistic regression on log-spectra: the baseline that an encoder has to beat to be useful."""
    return linear_accuracy(*_spectra(prepared, "train"), *_spectra(prepared, "held_out"), decay=5e-3)


def _spectra(prepared: PreparedAudio, split: SplitName) -> tuple[Tensor, Tensor]:
    count = len(prepared.index(split))
    spectra = torch.stack([log_spectrum(prepared.recording(split, number)) for number in range(count)])
    spectra = standardised_by_speaker(spectra, prepared.group_ids(split))
    return spectra, torch.from_numpy(np.array(prepared.labels(split)))
