"""Base class of the objectives whose network reads sound itself: wav2vec 2.0."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Wav2Vec2FeatureExtractor

from core.checkpoints.bundle import write_json
from core.data.audio import PreparedAudio
from core.formats.published.names import PREPROCESSOR
from core.formats.published.preprocessors import normalizes_waves
from core.networks.wav2vec2 import standardize
from core.objectives.audio import AudioObjective
from core.spec.architectures.wav2vec2 import FeatureEncoder
from core.spec.audio import AudioAugmentation
from core.spec.job import JobSpec


class WaveObjective(AudioObjective):
    """An audio task on standardised audio samples.

    Args:
        convolutions: The network's, which turn audio samples into frames.
    """

    def __init__(
        self,
        job: JobSpec,
        data: PreparedAudio,
        augmentation: AudioAugmentation,
        convolutions: FeatureEncoder,
    ) -> None:
        super().__init__(job, data, augmentation)
        self.convolutions = convolutions
        self.preprocessor = job.model.preprocessor
        self.width = convolutions.frames(self.clip)

    def sound(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
        tensors, lengths = self.clips(rows, np.arange(len(rows)), 0, None)
        frames = torch.from_numpy(self.frames_of(lengths)).to(self.device)
        waves = self.standardized(tensors["waves"].to(self.device), tensors["lengths"].to(self.device))
        return waves, torch.arange(self.width, device=self.device) < frames[:, None]

    def standardized(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """The network's inputs of recordings (B, L) with ``lengths`` (B,): with mean 0 and variance 1, unless the preprocessor of a
        network as somebody else made it leaves them as they are."""
        if self.preprocessor is None or normalizes_waves(self.preprocessor):
            return standardize(waves, lengths)
        return waves

    def save_preprocessor(self, directory: Path) -> None:
        """Write the preprocessor, which converts a recording to the network's input."""
        if self.preprocessor is not None:
            write_json(directory / PREPROCESSOR, self.preprocessor)
            return
        extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]
            sampling_rate=self.data.sampling_rate,
            do_normalize=True,
            return_attention_mask=self.convolutions.normalization == "layer",
        )
        extractor.save_pretrained(directory)

    def frames_of(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of frames of sound: at least one, also for a recording shorter than a frame."""
        by_length = {length: max(1, self.convolutions.frames(length)) for length in set(lengths.tolist())}
        return np.array([by_length[length] for length in lengths.tolist()], dtype=np.int64)
