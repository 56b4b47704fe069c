"""Audio classification: a head on an AST or on wav2vec 2.0, and cross-entropy. A sample is a clip of a recording."""

import abc
from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import (
    ASTForAudioClassification,
)
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForSequenceClassification

from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples, SplitName
from core.data.audio import PreparedAudio
from core.networks.audio_classifier import (
    create_spectrogram_classifier,
    create_wave_classifier,
    wave_scores,
)
from core.networks.audio_encoder import SpectrogramEncoder, WaveEncoder
from core.networks.encoder import Encoder
from core.networks.settings import as_configured
from core.networks.wav2vec2 import wav2vec2_config
from core.objectives.audio import CHECKPOINT_ADVICE, AudioObjective, is_audio
from core.objectives.base import Batch, objective_for
from core.objectives.spectrograms import SpectrogramObjective
from core.objectives.supervised import Classification, drop_before
from core.objectives.waves import WaveObjective
from core.spec.job import JobSpec
from core.tasks.audio_classification.spec import PROJECTION, AudioClassification


@objective_for(AudioClassification)
class AudioClassifier(Classification, AudioObjective):
    """What the classifiers of both kinds of network have in common."""

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, AudioClassification)
        assert is_audio(data)
        kind = WaveClassifier if job.architecture == "wav2vec2" else SpectrogramClassifier
        return cast(Self, kind(job, job.task, data))

    def start_learning(self, job: JobSpec, task: AudioClassification, data: PreparedAudio) -> None:
        """Read the classes, once the base class of the network's kind is initialised."""
        self.task = task
        self.prepare(
            data.classes,
            missing=job.data.on_missing_label,
            smoothing=task.label_smoothing,
            weights=task.class_weights,
        )

    def all_samples(self, split: SplitName) -> Samples:
        return AudioObjective.samples(self, split)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        tensors, lengths = self.clips(rows, samples, key, self.augmentation)
        tensors |= {**self.answers_of(samples), "real": torch.from_numpy(self.real_tokens(lengths))}
        real = int(tensors["real"].sum())
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=real)

    def scores(self, rows: NDArray[Any]) -> Tensor:
        return self.head(*self.sound(rows))

    @abc.abstractmethod
    def real_tokens(self, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens of clips with so many samples of sound hold sound, shape (B, T)."""

    @abc.abstractmethod
    def head(self, inputs: Tensor, real: Tensor) -> Tensor:
        """Logits, shape (B, classes), of what `sound` returns."""


class SpectrogramClassifier(AudioClassifier, SpectrogramObjective):
    """An AST with a linear head, which reads the mean of its class and distillation tokens."""

    model: ASTForAudioClassification

    def __init__(self, job: JobSpec, task: AudioClassification, data: PreparedAudio) -> None:
        SpectrogramObjective.__init__(
            self, job, data, task.augmentation, mel_bins=task.mel_bins, patch_size=task.patch_size
        )
        self.start_learning(job, task, data)
        config = self.ast_config(job)
        self.model = create_spectrogram_classifier(config, self.grid, data.classes, job.training.seed)
        if job.model.config is not None:
            # Those of a network as somebody else made it are learned, and not sines and cosines.
            embeddings: Any = self.model.audio_spectrogram_transformer.embeddings
            embeddings.position_embeddings.requires_grad_(True)
        drop_before(self.model.classifier.dense, task.head_dropout)
        self.measure()

    @property
    def learned_encoder(self) -> Encoder:
        return SpectrogramEncoder(self.model.audio_spectrogram_transformer)

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [self.model.audio_spectrogram_transformer.embeddings, *self.learned_encoder.blocks]

    def batch_scores(self, batch: Batch) -> Tensor:
        spectrograms = self.spectrograms(self.waves(batch), batch.tensors["lengths"])
        return self.head(spectrograms, batch.tensors["real"])

    def head(self, inputs: Tensor, real: Tensor) -> Tensor:
        scores: Tensor = self.model(input_values=inputs).logits
        return scores

    def real_tokens(self, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self.sounding(lengths)

    @property
    def bundle(self) -> Bundle:
        network = Network("model.", self.model, write_beside=self.save_preprocessor)
        return Bundle([network], tensors=[Tensors(may_be_absent=True)], advice=CHECKPOINT_ADVICE)


class WaveClassifier(AudioClassifier, WaveObjective):
    """wav2vec 2.0 with a head of two linear layers, between which frames of sound are averaged."""

    model: Wav2Vec2ForSequenceClassification

    def __init__(self, job: JobSpec, task: AudioClassification, data: PreparedAudio) -> None:
        WaveObjective.__init__(self, job, data, task.augmentation, task.feature_encoder)
        self.start_learning(job, task, data)
        config = as_configured(
            job,
            wav2vec2_config(
                job.size,
                task.feature_encoder,
                position_kernel=task.position_kernel,
                dropout=job.dropout,
                classifier_proj_size=PROJECTION,
            ),
        )
        self.model = create_wave_classifier(config, data.classes, job.training.seed)
        drop_before(self.model.classifier, task.head_dropout)

    @property
    def learned_encoder(self) -> Encoder:
        return WaveEncoder(self.model)

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [self.model.wav2vec2.feature_projection, *self.learned_encoder.blocks]

    def batch_scores(self, batch: Batch) -> Tensor:
        waves = self.standardized(self.waves(batch), batch.tensors["lengths"])
        return self.head(waves, batch.tensors["real"])

    def head(self, inputs: Tensor, real: Tensor) -> Tensor:
        return wave_scores(self.model, inputs, real)

    def real_tokens(self, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        frames: NDArray[np.bool_] = np.arange(self.width) < self.frames_of(lengths)[:, None]
        return frames

    @property
    def bundle(self) -> Bundle:
        network = Network("model.", self.model, write_beside=self.save_preprocessor)
        return Bundle([network], tensors=[Tensors(may_be_absent=True)], advice=CHECKPOINT_ADVICE)

    def compile_networks(self) -> None:
        self.model.wav2vec2.encoder.compile()
