"""The audio MAE: predict the hidden patches of a log-mel spectrogram.

Huang et al. 2022, "Masked Autoencoders that Listen", arXiv 2207.06405. The encoder processes a fifth of the patches;
a small decoder, discarded later, gets mask tokens for the rest. The loss is the mean squared error on hidden patches
that hold sound; padding after a short recording is not predicted.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import ASTModel

from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples
from core.data.audio import PreparedAudio
from core.evaluation.pictures import one_above_other, png, side_by_side
from core.evaluation.spectrograms import draw_spectrograms
from core.networks.audio_encoder import SpectrogramEncoder
from core.networks.encoder import Encoder
from core.networks.spectrogram_mae import create_decoder, create_encoder, encode_visible
from core.objectives.audio import CHECKPOINT_ADVICE, is_audio
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.predictions import Answering, Asked, Predictor, images_result
from core.objectives.spectrograms import SpectrogramObjective
from core.randomness import derive_seed, uniforms
from core.spec.audio import AudioAugmentation
from core.spec.job import JobSpec
from core.spec.predictions import RECONSTRUCT_SOUND, MaskingOptions
from core.tasks.masked_spectrogram.spec import MaskedSpectrogram

_EVALUATION_KEY = derive_seed(0, "evaluation masks")
_TINY = 1e-6
_SHOWN = 8


@objective_for(MaskedSpectrogram)
class MaskedSpectrogramModeling(SpectrogramObjective):
    """The audio MAE's pretraining task."""

    model: ASTModel

    def __init__(self, job: JobSpec, task: MaskedSpectrogram, data: PreparedAudio) -> None:
        super().__init__(job, data, task.augmentation, mel_bins=task.mel_bins, patch_size=task.patch_size)
        self.task = task
        self.visible = min(self.grid.patches, max(1, round(self.grid.patches * (1.0 - task.mask_ratio))))
        config = self.ast_config(job)
        self.model = create_encoder(config, self.grid, job.training.seed)
        self.decoder = create_decoder(
            config,
            self.grid,
            width=task.decoder_width(job.size.hidden_size, job.size.heads),
            layers=task.decoder_layers,
            seed=job.training.seed,
        )
        self.measure()

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, MaskedSpectrogram)
        assert is_audio(data)
        return cls(job, job.task, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        return self._collate(rows, samples, key, self.augmentation)

    def forward(self, batch: Batch) -> Losses:
        return Losses(self._loss(batch), {})

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self._collate(samples.rows(chunk), chunk, _EVALUATION_KEY, None).to(self.device)
            loss += self._loss(batch).double()
            count += batch.count
        return {"eval/loss": loss.item() / count if count else math.nan}

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        """Rows of spectrograms, low bands at the bottom: the sound, its visible patches, and the reconstruction."""
        chosen = indices[:_SHOWN]
        pictures = self._pictures(samples.rows(chosen), chosen, _EVALUATION_KEY)
        return (Shown("spectrograms", "image/png", png(side_by_side(*pictures))),)

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {RECONSTRUCT_SOUND.kind: self._reconstruct}

    def _reconstruct(self, asked: Asked) -> Answering:
        assert isinstance(asked.options, MaskingOptions)
        assert asked.rows is not None
        yield None
        key = derive_seed(asked.options.seed, "prediction")
        pictures = self._pictures(asked.rows, np.zeros(1, np.int64), key)
        return images_result(zip(("original", "masked", "reconstruction"), pictures, strict=True))

    def _pictures(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int
    ) -> Sequence[NDArray[np.uint8]]:
        """Spectrograms of clips, what the network sees of them, and what it makes of that: shape (B, H, W, C) each."""
        batch = self._collate(rows, samples, key, None).to(self.device)
        patches, predicted = self._predict(batch)
        if self.task.normalize_targets:
            mean, std = _mean_and_std(patches)
            predicted = predicted * std + mean
        hidden = (batch.tensors["ranks"] >= self.visible)[..., None]
        kinds = (
            patches,
            patches.masked_fill(hidden, patches.min().item()),
            torch.where(hidden, predicted, patches),
        )
        return draw_spectrograms(*map(self.grid.join, kinds))

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown]:
        """Rows: the spectrograms of the clips, and their patches that are visible to the encoder."""
        batch = self.collate(rows, samples, key).to(self.device)
        with torch.no_grad():
            spectrograms = self.spectrograms(self.waves(batch), batch.tensors["lengths"])
        patches = self.grid.cut(spectrograms)
        hidden = (batch.tensors["ranks"] >= self.visible)[..., None]
        grey = (patches.min() + patches.max()).item() / 2
        pictures = draw_spectrograms(*map(self.grid.join, (patches, patches.masked_fill(hidden, grey))))
        return (Shown("spectrogram_masked", "image/png", png(one_above_other(*pictures))),)

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [self.model.embeddings, *self.learned_encoder.blocks]

    @property
    def learned_encoder(self) -> Encoder:
        return SpectrogramEncoder(self.model)

    @property
    def bundle(self) -> Bundle:
        return Bundle(
            networks=[Network("model.", self.model, write_beside=self.save_preprocessor)],
            tensors=[Tensors("decoder.safetensors", "decoder.")],
            advice=CHECKPOINT_ADVICE,
        )

    def compile_networks(self) -> None:
        for layer in (*self.model.layers, *self.decoder.layers):
            layer.compile()

    def _collate(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int, augmentation: AudioAugmentation | None
    ) -> Batch:
        tensors, lengths = self.clips(rows, samples, key, augmentation)
        sounding = self.sounding(lengths)
        noise = uniforms(derive_seed(key, "patches"), samples, self.grid.patches, streams=1)[0]
        order = noise.argsort(axis=1, kind="stable")
        ranks = order.argsort(axis=1, kind="stable")
        predicted = sounding & (ranks >= self.visible)
        tensors |= {
            "visible": torch.from_numpy(order[:, : self.visible].copy()),
            "ranks": torch.from_numpy(ranks),
            "predicted": torch.from_numpy(predicted),
        }
        # If by chance no patch with sound is hidden, nothing is predicted; a count of one avoids a division by zero.
        return Batch(
            tensors, count=max(1, int(predicted.sum())), samples=len(rows), tokens=int(sounding.sum())
        )

    def _predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The patches and their predictions, both of shape (B, patches, side²), fp32."""
        tensors = batch.tensors
        spectrograms = self.spectrograms(self.waves(batch), tensors["lengths"])
        tokens = encode_visible(self.model, spectrograms, tensors["visible"])
        return self.grid.cut(spectrograms), self.decoder(tokens, tensors["ranks"]).float()

    def _loss(self, batch: Batch) -> Tensor:
        """Mean squared error of each predicted patch, summed over them."""
        patches, predicted = self._predict(batch)
        if self.task.normalize_targets:
            mean, std = _mean_and_std(patches)
            patches = (patches - mean) / std
        errors = (predicted - patches).square().mean(dim=2)
        return (errors * batch.tensors["predicted"]).sum()


def _mean_and_std(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patch, shape (B, N, 1)."""
    variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
    return mean, (variance + _TINY).sqrt()
