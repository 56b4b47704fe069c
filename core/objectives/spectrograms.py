"""Base class of the objectives whose network reads log-mel spectrograms: an AST."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import ASTConfig

from core.checkpoints.bundle import write_json
from core.data.audio import PreparedAudio
from core.formats.published.names import PREPROCESSOR
from core.formats.published.preprocessors import spectrogram_statistics
from core.networks.log_mel import LogMel
from core.networks.settings import as_configured
from core.networks.spectrogram_mae import Grid, ast_config
from core.objectives.audio import AudioObjective
from core.objectives.base import chunks
from core.spec.architectures.ast import spectrogram_frames
from core.spec.audio import AudioAugmentation
from core.spec.job import JobSpec

_CLIPS_MEASURED = 256


class SpectrogramObjective(AudioObjective):
    """An audio task on spectrograms.

    Args:
        patch_size: Bands and frames on a patch's side.
    """

    mean: float
    std: float

    def __init__(
        self,
        job: JobSpec,
        data: PreparedAudio,
        augmentation: AudioAugmentation,
        *,
        mel_bins: int,
        patch_size: int,
    ) -> None:
        super().__init__(job, data, augmentation)
        frames = job.model.frames or spectrogram_frames(self.clip, patch_size)
        bands, times = job.model.patch_strides or (patch_size, patch_size)
        self.mel_bins, self.patch_size = mel_bins, patch_size
        self.grid = Grid(
            (mel_bins - patch_size) // bands + 1, (frames - patch_size) // times + 1, patch_size, times
        )
        self.preprocessor = job.model.preprocessor
        self.log_mel = LogMel(mel_bins, data.sampling_rate, frames)

    def ast_config(self, job: JobSpec) -> ASTConfig:
        """The configuration of the job's network in `transformers`."""
        config = ast_config(
            job.size,
            mel_bins=self.mel_bins,
            patch_size=self.patch_size,
            frames=self.log_mel.frames,
            dropout=job.dropout,
        )
        return as_configured(job, config)

    def sound(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
        tensors, lengths = self.clips(rows, np.arange(len(rows)), 0, None)
        spectrograms = self.spectrograms(tensors["waves"].to(self.device), tensors["lengths"].to(self.device))
        return spectrograms, torch.from_numpy(self.sounding(lengths)).to(self.device)

    def save_preprocessor(self, directory: Path) -> None:
        """Write the preprocessor, which converts a recording to the network's input."""
        if self.preprocessor is not None:
            write_json(directory / PREPROCESSOR, self.preprocessor)
            return
        # Written as JSON, because the extractor's constructor warns of bands narrower than a line of the spectrum.
        extractor = {
            "feature_extractor_type": "ASTFeatureExtractor",
            "feature_size": 1,
            "sampling_rate": self.data.sampling_rate,
            "num_mel_bins": self.mel_bins,
            "max_length": self.log_mel.frames,
            "padding_side": "right",
            "padding_value": 0.0,
            "do_normalize": True,
            "mean": self.mean,
            "std": self.std,
            "return_attention_mask": False,
        }
        write_json(directory / PREPROCESSOR, extractor)

    def measure(self) -> None:
        """Set `mean` and `std`, those of the training split's spectrograms, once the base class is initialised; AST's extractor divides by twice the deviation.

        Rounded to four digits, so that differences of machines in the last bits have no effect.
        """
        if self.preprocessor is not None:
            self.mean, self.std = spectrogram_statistics(self.preprocessor)
            return
        samples = AudioObjective.samples(self, "train")
        number = min(_CLIPS_MEASURED, len(samples))
        if not number:
            self.mean, self.std = 0.0, 0.5
            return
        indices = np.arange(number, dtype=np.int64) * len(samples) // number
        total = square = count = 0.0
        for chunk in chunks(indices, 32):
            tensors, _ = self.clips(samples.rows(chunk), chunk, 0, None)
            spectrograms = self.log_mel(tensors["waves"], tensors["lengths"]).double()
            total += spectrograms.sum().item()
            square += spectrograms.square().sum().item()
            count += self.log_mel.count(tensors["lengths"]).sum().item() * self.mel_bins
        mean = total / count
        self.mean, self.std = (
            round(mean, 4),
            max(1e-4, round(math.sqrt(max(0.0, square / count - mean * mean)), 4)),
        )

    def open(self, directory: Path) -> None:
        super().open(directory)
        extractor = json.loads((directory / PREPROCESSOR).read_text(encoding="utf-8"))
        self.mean, self.std = spectrogram_statistics(extractor)

    def sounding(self, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which patches hold at least one frame of sound, shape (B, patches)."""
        frames = self.log_mel.count(torch.from_numpy(lengths)).numpy()
        times = np.arange(self.grid.times) * (self.grid.time_stride or self.grid.side) < frames[:, None]
        return np.tile(times, (1, self.grid.bands))

    def spectrograms(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Normalised spectrograms of clips, shape (B, frames, bins)."""
        normalized: Tensor = (self.log_mel(waves, lengths) - self.mean) / (2.0 * self.std)
        return normalized
