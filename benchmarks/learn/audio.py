"""Recipes for the audio tasks on spoken digits (`DIGIT/DIGIT_SPEAKER_N.wav`, 8 kHz), and the floor that no network is needed for.

Whole speakers are held out by ``data.audio.group_pattern``, in pretraining as in the probes: a figure says how well digits are told
from each other in a voice that was never heard.
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
"""Samples a frame, from one to the next, and frames a recording, of the floor's spectra: half a second at 8 kHz."""

_DATA: dict[str, Any] = {
    "audio": {"sampling_rate": 8000, "clip_seconds": 0.6, "group_pattern": "_(?P<group>[a-z]+)_"}
}

RECIPES: Mapping[str, dict[str, Any]] = {
    "wav2vec2": {
        "task": {
            "kind": "wav2vec2",
            # A frame each 10 ms: half a second of speech is to give enough of them to mask and to tell apart.
            "feature_encoder": {"kernels": [10, 8, 4, 4], "strides": [5, 4, 2, 2], "channels": 96},
            "mask_start_probability": 0.1,
            "mask_length": 5,
            "negatives": 20,
            "codewords": 40,
            "codeword_size": 48,
            "projection_size": 96,
            "position_kernel": 16,
            "augmentation": {"speed": 0.15},
        },
        "model": {"layers": 3, "hidden_size": 144, "heads": 4},
        "data": _DATA,
        "training": {
            "batch_size": 32,
            "optimizer": {"learning_rate": 2e-3},
            "schedule": {"warmup_steps": 100},
        },
    },
    "masked_spectrogram": {
        "task": {
            "kind": "masked_spectrogram",
            "mel_bins": 64,
            "patch_size": 8,
            "augmentation": {"speed": 0.15},
        },
        "data": _DATA,
        "training": {
            "batch_size": 64,
            "optimizer": {"learning_rate": 1e-3, "beta2": 0.95, "weight_decay": 0.05},
            "schedule": {"warmup_steps": 50},
        },
    },
}
"""What a job's spec says for each task, but its name, steps and seed."""


def log_spectrum(samples: NDArray[np.int16]) -> Tensor:
    """ln(1 + magnitude) of a recording's first half second, cut or filled up with silence, shape (32 * 129,)."""
    needed = (FRAMES - 1) * STEP + FRAME
    wave = torch.from_numpy(samples[:needed].astype(np.float32)) / 32_767
    wave = torch.nn.functional.pad(wave, (0, needed - len(wave)))
    frames = wave.unfold(0, FRAME, STEP) * torch.hann_window(FRAME)
    spectrum: Tensor = torch.fft.rfft(frames).abs().log1p().flatten()
    return spectrum


def floor(prepared: PreparedAudio) -> float:
    """Accuracy of a logistic regression on log-spectra: what a useless encoder would have to beat."""
    return linear_accuracy(*_spectra(prepared, "train"), *_spectra(prepared, "held_out"), decay=5e-3)


def _spectra(prepared: PreparedAudio, split: SplitName) -> tuple[Tensor, Tensor]:
    count = len(prepared.index(split))
    spectra = torch.stack([log_spectrum(prepared.recording(split, number)) for number in range(count)])
    return spectra, torch.from_numpy(np.array(prepared.labels(split)))
