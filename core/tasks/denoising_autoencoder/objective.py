"""Denoising autoencoder: reconstruct an image from a corrupted copy, through a low-dimensional code.

Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising Autoencoders", and 2010, JMLR 11. The
encoder's last map goes through one linear layer to the code, and a convolutional decoder back.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.augmentation import to_float
from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.evaluation.pictures import png, side_by_side, to_pixels
from core.networks.decoder import Decoder
from core.networks.maps import feature_map, map_shape
from core.networks.vision import create_encoder
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.images import EncoderObjective, initialising, is_images
from core.objectives.predictions import Answering, Asked, Predictor, images_result
from core.randomness import derive_seed, normals, uniforms
from core.spec.decoders import decoder_start_width
from core.spec.job import JobSpec
from core.spec.predictions import RECONSTRUCT_IMAGE, MaskingOptions
from core.tasks.denoising_autoencoder.spec import DenoisingAutoencoder

_EVALUATION_KEY = derive_seed(0, "evaluation noise")


def draw_noise(
    task: DenoisingAutoencoder, samples: NDArray[np.int64], key: int, channels: int, side: int
) -> Tensor | None:
    """Each image's noise, a function of (key, sample).

    Returns:
        ``gaussian``: the added values, float of shape (B, C, S, S). ``masking``: true where a pixel is hidden, (B, 1, S, S).
        ``salt_and_pepper``: -1 where it becomes black, 1 white, else 0, int8 of that shape. None for ``none``.
    """
    batch = len(samples)
    if task.noise == "none":
        return None
    if task.noise == "gaussian":
        drawn = normals(key, samples, channels * side**2) * np.float32(task.noise_level)
        return torch.from_numpy(drawn).view(batch, channels, side, side)
    chance, colour = uniforms(key, samples, side**2, streams=2)
    damaged = chance < task.noise_level
    if task.noise == "masking":
        return torch.from_numpy(damaged).view(batch, 1, side, side)
    marks = np.where(damaged, np.where(colour < 0.5, -1, 1), 0).astype(np.int8)
    return torch.from_numpy(marks).view(batch, 1, side, side)


@objective_for(DenoisingAutoencoder)
class Autoencoder(EncoderObjective):
    """The denoising autoencoder: an encoder, a layer to the code, and a decoder."""

    def __init__(self, task: DenoisingAutoencoder, job: JobSpec, data: PreparedImages) -> None:
        super().__init__(create_encoder(job, image_size=data.height, channels=data.channels), data)
        self.task = task
        width, start = map_shape(self.encoder, self.side)
        first = decoder_start_width(width)
        with initialising(job.training.seed, "heads"):
            self.to_code = nn.Linear(width * start**2, task.code_size)
            self.from_code = nn.Linear(task.code_size, first * start**2)
            self.decoder = Decoder(first, start, self.side, self.channels)
        self._start = (first, start, start)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, DenoisingAutoencoder)
        assert is_images(data)
        return cls(job.task, job, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        tensors = {"images": torch.from_numpy(rows)}
        noise = draw_noise(self.task, samples, key, self.channels, self.side)
        if noise is not None:
            tensors["noise"] = noise
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=0)

    def forward(self, batch: Batch) -> Losses:
        clean = self.normalised(to_float(batch.tensors["images"]))
        rebuilt = self.rebuild(self.damaged(clean, batch.tensors.get("noise")))
        return Losses(_squared_error(rebuilt, clean).sum(), {})

    def damaged(self, images: Tensor, noise: Tensor | None) -> Tensor:
        """Normalised images after adding their noise."""
        if noise is None:
            return images
        if self.task.noise == "gaussian":
            return images + noise
        if self.task.noise == "masking":
            return images.masked_fill(noise, 0.0)
        black, white = -self.mean / self.std, (1.0 - self.mean) / self.std
        return torch.where(noise < 0, black, torch.where(noise > 0, white, images))

    def code(self, images: Tensor) -> Tensor:
        """Codes (B, code_size) of normalised images."""
        code: Tensor = self.to_code(feature_map(self.encoder, images).flatten(1))
        return code

    def rebuild(self, images: Tensor) -> Tensor:
        """Reconstructions of normalised images through the code, normalised too."""
        maps = self.from_code(functional.gelu(self.code(images))).unflatten(1, self._start)
        rebuilt: Tensor = self.decoder(maps)
        return rebuilt

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for chunk in chunks(indices, batch_size):
            batch = self._evaluation_batch(samples, chunk)
            clean = self.normalised(to_float(batch.tensors["images"]))
            noisy = self.damaged(clean, batch.tensors.get("noise"))
            errors = [_squared_error(guess, clean) for guess in (self.rebuild(noisy), self.rebuild(clean))]
            errors.append(clean.square().mean(dim=(1, 2, 3)))
            sums += torch.stack([error.double().sum() for error in errors])
        loss, clean_loss, variance = (
            (sums / max(1, len(indices))).tolist() if len(indices) else [math.nan] * 3
        )
        return {"eval/loss": loss, "eval/clean_loss": clean_loss, "eval/mean_colour_loss": variance}

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        pictures = self._pictures(self._evaluation_batch(samples, indices))
        return [Shown("original_damaged_rebuilt", "image/png", png(side_by_side(*pictures)))]

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {RECONSTRUCT_IMAGE.kind: self._reconstruct}

    def _reconstruct(self, asked: Asked) -> Answering:
        assert isinstance(asked.options, MaskingOptions)
        assert asked.rows is not None
        yield None
        key = derive_seed(asked.options.seed, "prediction")
        pictures = self._pictures(self.collate(asked.rows, np.zeros(1, np.int64), key).to(self.device))
        return images_result(zip(("original", "damaged", "reconstruction"), pictures, strict=True))

    def _pictures(self, batch: Batch) -> list[NDArray[np.uint8]]:
        """The images, damaged ones, and the reconstructions of those, shape (B, S, S, C) each."""
        clean = self.normalised(to_float(batch.tensors["images"]))
        noisy = self.damaged(clean, batch.tensors.get("noise"))
        kinds = [clean, noisy, self.rebuild(noisy)]
        return [to_pixels(self.denormalised(kind.float()).cpu().numpy()) for kind in kinds]

    def encode(self, rows: NDArray[Any]) -> Tensor:
        return self.code(self.normalised(self.pixels(rows)))

    def _evaluation_batch(self, samples: Samples, indices: NDArray[np.int64]) -> Batch:
        return self.collate(samples.rows(indices), indices, _EVALUATION_KEY).to(self.device)


def _squared_error(rebuilt: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error over an image's values, shape (B,); 1 is that of predicting the mean colour everywhere."""
    return (rebuilt.float() - clean).square().mean(dim=(1, 2, 3))
