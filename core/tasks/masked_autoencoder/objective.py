"""Masked autoencoding: predict the pixels of an image's removed patches.

He et al. 2021, arXiv 2111.06377 (MAE). The encoder computes only the visible quarter of the patches, which makes it
fast; a small decoder gets their features and mask tokens, and predicts the pixels. The loss counts the removed patches only.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import ViTMAEConfig
from transformers.models.vit.modeling_vit import ViTModel

from core.checkpoints.bundle import Bundle, Network
from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.evaluation.pictures import greyed, one_above_other, png, side_by_side, to_pixels
from core.networks.encoder import Encoder
from core.networks.image_encoder import MaskedImageEncoder
from core.networks.settings import as_configured
from core.networks.vit_mae import DECODER_SETTINGS, create_vit_mae, encoder_config, vit_mae_config
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.crops import Crops
from core.objectives.images import CHECKPOINT_ADVICE, ImageObjective, is_images
from core.objectives.predictions import Answering, Asked, Predictor, images_result
from core.randomness import derive_seed, uniforms
from core.spec.job import JobSpec
from core.spec.predictions import RECONSTRUCT_IMAGE, MaskingOptions
from core.tasks.masked_autoencoder.spec import MaskedAutoencoding

AUTOENCODER = "autoencoder"
"""The folder in a checkpoint that opens as ``ViTMAEForPreTraining``; the checkpoint itself opens as its ViT."""

_EVALUATION_KEY = derive_seed(0, "evaluation masks")


@objective_for(MaskedAutoencoding)
class MaskedAutoencoder(ImageObjective):
    """MAE's pretraining task."""

    def __init__(self, config: ViTMAEConfig, seed: int, data: PreparedImages, *, crops: bool) -> None:
        super().__init__(data)
        self.model = create_vit_mae(config, seed)
        self._crops = Crops(min_area=0.2, flip_probability=0.5)
        self._cropping = crops
        assert isinstance(config.patch_size, int)
        self._patches = (data.height // config.patch_size) ** 2
        self._removed = self._patches - int(self._patches * (1 - config.mask_ratio))

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        task = job.task
        assert isinstance(task, MaskedAutoencoding)
        assert is_images(data)
        config = as_configured(
            job,
            vit_mae_config(
                job.size,
                task.decoder_size(job.size),
                mask_ratio=task.mask_ratio,
                normalize_patches=task.normalize_patches,
                dropout=job.dropout,
                image_size=data.height,
                patch_size=job.patch_size,
                channels=data.channels,
            ),
            *DECODER_SETTINGS,
        )
        return cls(config, job.training.seed, data, crops=task.random_crop)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        crops = self._crops.draw(samples, key, self.side) if self._cropping else {}
        return self._masked(rows, samples, key, crops)

    def forward(self, batch: Batch) -> Losses:
        pixels = self._inputs(batch)
        return Losses(self._squared_errors(pixels, *self.predict(pixels, batch.tensors["noise"])), {})

    def predict(self, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted patches and which of them were removed.

        Args:
            pixels: normalised, shape (B, C, H, W).
            noise: a number for each patch, shape (B, L): the patches with the smallest numbers are visible.

        Returns:
            Shape (B, L, patch_size² C), and (B, L), 1 where removed, else 0.
        """
        seen = self.model.vit(pixel_values=pixels, noise=noise)
        predicted: Tensor = self.model.decoder(seen.last_hidden_state, seen.ids_restore).logits
        return predicted.float(), seen.mask

    def targets(self, pixels: Tensor) -> Tensor:
        """The target of each patch, shape (B, L, patch_size² C)."""
        patches: Tensor = self.model.patchify(pixels)
        if not self.model.config.norm_pix_loss:
            return patches
        mean, deviation = _moments(patches)
        return (patches - mean) / deviation

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self._masked(samples.rows(chunk), chunk, _EVALUATION_KEY, {}).to(self.device)
            pixels = self._inputs(batch)
            loss += self._squared_errors(pixels, *self.predict(pixels, batch.tensors["noise"])).double()
            count += batch.count
        return {"eval/loss": loss.item() / count if count else math.nan}

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        pictures = self._pictures(samples.rows(indices), indices, _EVALUATION_KEY)
        return [Shown("original_masked_reconstruction", "image/png", png(side_by_side(*pictures)))]

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {RECONSTRUCT_IMAGE.kind: self._reconstruct}

    def _reconstruct(self, asked: Asked) -> Answering:
        assert isinstance(asked.options, MaskingOptions)
        assert asked.rows is not None
        yield None
        key = derive_seed(asked.options.seed, "prediction")
        pictures = self._pictures(asked.rows, np.zeros(1, np.int64), key)
        return images_result(zip(("original", "masked", "reconstruction"), pictures, strict=True))

    def _pictures(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> list[NDArray[np.uint8]]:
        """The images, what the encoder sees of them, and the reconstructions, shape (B, S, S, C) each."""
        batch = self._masked(rows, samples, key, {}).to(self.device)
        pixels = self._inputs(batch)
        predicted, removed = self.predict(pixels, batch.tensors["noise"])
        patches = self.model.patchify(pixels)
        if self.model.config.norm_pix_loss:
            # A patch's mean and deviation are not predicted; the true ones are used, as in the paper's figures.
            mean, deviation = _moments(patches)
            predicted = predicted * deviation + mean
        hidden = removed[:, :, None].bool()
        kinds = [patches, patches.masked_fill(hidden, 0.0), torch.where(hidden, predicted, patches)]
        return [to_pixels(self.denormalised(self.model.unpatchify(kind)).cpu().numpy()) for kind in kinds]

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown]:
        """Rows: the crops of the images, and their patches that are visible to the encoder."""
        batch = self.collate(rows, samples, key).to(self.device)
        pixels = self._inputs(batch)
        with torch.no_grad():
            removed = self.model.vit(pixel_values=pixels, noise=batch.tensors["noise"]).mask
        images = to_pixels(self.denormalised(pixels).cpu().numpy())
        side = math.isqrt(self._patches)
        hidden = removed.bool().reshape(-1, side, side).cpu().numpy()
        return [Shown("image_masked", "image/png", png(one_above_other(images, greyed(images, hidden))))]

    @property
    def learned_encoder(self) -> Encoder:
        return MaskedImageEncoder(self.model)

    def encode(self, rows: NDArray[Any]) -> Tensor:
        return self.learned_encoder.features(self.normalised(self.pixels(rows)))

    @property
    def bundle(self) -> Bundle:
        with torch.device("meta"):
            vit = ViTModel(encoder_config(self.model.config), add_pooling_layer=False)
        beside = self.save_preprocessor
        return Bundle(
            networks=[
                Network("model.vit.", vit, write_beside=beside, published_names=True, is_copy=True),
                Network("model.", self.model, AUTOENCODER, write_beside=beside, published_names=True),
            ],
            advice=CHECKPOINT_ADVICE,
        )

    def compile_networks(self) -> None:
        self.model.vit.compile()
        self.model.decoder.compile()

    def _masked(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int, crops: Mapping[str, Tensor]
    ) -> Batch:
        """A batch: stored images, their crops, and the noise that masks them."""
        noise = uniforms(key, samples, self._patches, streams=1)[0]
        return Batch(
            {"images": torch.from_numpy(rows), "noise": torch.from_numpy(noise), **crops},
            count=len(rows) * self._removed,
            samples=len(rows),
            tokens=len(rows) * self._patches,
        )

    def _inputs(self, batch: Batch) -> Tensor:
        """Normalised pixels, shape (B, C, H, W)."""
        return self.normalised(self._crops.cut(batch.tensors["images"], batch.tensors))

    def _squared_errors(self, pixels: Tensor, predicted: Tensor, removed: Tensor) -> Tensor:
        """Squared errors summed over the removed patches; the error of a patch is the mean over its values."""
        errors = (predicted - self.targets(pixels)).square().mean(dim=2)
        return (errors * removed).sum()


def _moments(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patch, shape (B, L, 1), as the paper's code computes them."""
    variance = patches.var(dim=2, keepdim=True)
    return patches.mean(dim=2, keepdim=True), (variance + 1e-6).sqrt()
