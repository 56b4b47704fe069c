"""Colorization: predict an image's colours from its lightness.

Zhang, Isola, Efros 2016, arXiv 1603.08511. The encoder's input is L alone; a decoder predicts, at half the
resolution, which cell of the ab plane each pixel is in (or, as regression, a and b themselves). Rare colours have
larger weights, by the frequencies in the training split, and pictures are made with the annealed mean.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
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
from core.spec.job import JobSpec
from core.spec.predictions import COLORIZE
from core.tasks.colorization.lab import lab_to_rgb, rgb_to_lab
from core.tasks.colorization.palette import (
    annealed_mean,
    class_frequencies,
    palette,
    rebalanced_cross_entropy,
    rebalancing,
)
from core.tasks.colorization.spec import Colorization

_AB_SCALE = 110.0
"""Divisor of a and b for regression, so that they lie in about -1 … 1."""


@objective_for(Colorization)
class Colorizer(EncoderObjective):
    """Zhang's pretraining task: an encoder of lightness and a decoder of colour."""

    centres: Tensor
    weights: Tensor
    light: Tensor

    def __init__(self, task: Colorization, job: JobSpec, data: PreparedImages) -> None:
        super().__init__(create_encoder(job, image_size=data.height, channels=1), data)
        self.task = task
        width, start = map_shape(self.encoder, self.side)
        self.guess_side = max(start, -(-self.side // 2))
        outputs = len(palette()) if task.target == "classes" else 2
        with initialising(job.training.seed, "heads"):
            self.decoder = Decoder(width, start, self.guess_side, outputs)
        self.register_buffer("centres", palette().clone(), persistent=False)
        light, frequencies = self._count_colours()
        self.register_buffer("light", light)
        self.register_buffer("weights", rebalancing(frequencies, palette(), task.uniform_share))

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, Colorization)
        assert is_images(data)
        return cls(job.task, job, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        guesses = len(rows) * self.guess_side**2
        return Batch({"images": torch.from_numpy(rows)}, count=guesses, samples=len(rows), tokens=0)

    def forward(self, batch: Batch) -> Losses:
        lab = _lab(batch.tensors["images"])
        return Losses(self._loss(self.decoder(self._maps(lab)), self._coarse(lab)), {})

    def colours(self, guesses: Tensor) -> Tensor:
        """a and b at the full resolution, (B, 2, S, S), from the decoder's output."""
        if self.task.target == "classes":
            ab = annealed_mean(guesses, self.centres, self.task.temperature)
        else:
            ab = guesses.float() * _AB_SCALE
        return functional.interpolate(ab, size=(self.side, self.side), mode="bilinear", align_corners=False)

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for chunk in chunks(indices, batch_size):
            lab = _lab(torch.from_numpy(samples.rows(chunk)).to(self.device))
            guesses = self.decoder(self._maps(lab))
            truth = lab[:, 1:]
            loss = self._loss(guesses, self._coarse(lab)) / self.guess_side**2
            error = (self.colours(guesses) - truth).square().sum(dim=1).mean(dim=(1, 2)).sum()
            grey = truth.square().sum(dim=1).mean(dim=(1, 2)).sum()
            sums += torch.stack([loss, error, grey]).double()
        if not len(indices):
            return dict.fromkeys(("eval/loss", "eval/colour_error", "eval/grey_error"), math.nan)
        loss_mean, error_mean, grey_mean = (sums / len(indices)).tolist()
        return {
            "eval/loss": loss_mean,
            "eval/colour_error": math.sqrt(error_mean),
            "eval/grey_error": math.sqrt(grey_mean),
        }

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        rows = samples.rows(indices)
        pictures = self._pictures(rows)
        return [Shown("grey_guessed_true", "image/png", png(side_by_side(*pictures, rows)))]

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {COLORIZE.kind: self._colorize}

    def _colorize(self, asked: Asked) -> Answering:
        assert asked.rows is not None
        yield None
        pictures = (*self._pictures(asked.rows), asked.rows)
        return images_result(zip(("grey", "colored", "original"), pictures, strict=True))

    def _pictures(self, rows: NDArray[Any]) -> list[NDArray[np.uint8]]:
        """The images in grey, and with the predicted colours, shape (B, S, S, 3) each."""
        lab = _lab(torch.from_numpy(rows).to(self.device))
        grey = torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], dim=1)
        guessed = torch.cat([lab[:, :1], self.colours(self.decoder(self._maps(lab)))], dim=1)
        return [to_pixels(lab_to_rgb(kind).cpu().numpy()) for kind in (grey, guessed)]

    def encode(self, rows: NDArray[Any]) -> Tensor:
        lab = _lab(torch.from_numpy(rows).to(self.device))
        return self.learned_encoder.features(self._lightness(lab))

    @property
    def input_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        # The encoder's input is lightness, whose statistics are close to those of a grey image.
        mean, std = self.light.tolist()
        return (mean,), (std,)

    def _loss(self, guesses: Tensor, ab: Tensor) -> Tensor:
        """The loss, summed over the predicted positions."""
        if self.task.target == "classes":
            return rebalanced_cross_entropy(guesses, ab, self.centres, self.weights)
        return 0.5 * (guesses.float() - ab / _AB_SCALE).square().sum()

    def _maps(self, lab: Tensor) -> Tensor:
        return feature_map(self.encoder, self._lightness(lab))

    def _lightness(self, lab: Tensor) -> Tensor:
        lightness: Tensor = (lab[:, :1] / 100 - self.light[0]) / self.light[1]
        return lightness

    def _coarse(self, lab: Tensor) -> Tensor:
        """a and b at the resolution of the prediction."""
        ab = lab[:, 1:]
        if self.guess_side == self.side:
            return ab
        return functional.avg_pool2d(ab, 2, ceil_mode=True, count_include_pad=False)

    def _count_colours(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of L / 100, and the classes' frequencies, over some of the training images."""
        images = self.samples("train")
        count = min(self.task.statistics_images, len(images))
        chosen = np.arange(count, dtype=np.int64) * len(images) // count
        light, frequencies = (
            torch.zeros(2, dtype=torch.float64),
            torch.zeros(len(palette()), dtype=torch.float64),
        )
        # A quarter of a million pixels at once: their distances to all classes take 270 MB.
        for chunk in chunks(chosen, max(1, 2**18 // self.side**2)):
            lab = _lab(torch.from_numpy(images.rows(chunk)))
            lightness = lab[:, 0].double() / 100
            light += torch.stack([lightness.mean(), lightness.square().mean()]) * len(chunk) / count
            ab = self._coarse(lab).movedim(1, -1).reshape(-1, 2)
            frequencies += class_frequencies(ab, palette()) * len(chunk) / count
        mean, square = light
        std = (square - mean**2).clamp(min=1e-6).sqrt()
        return torch.stack([mean, std]).float(), frequencies


def _lab(images: Tensor) -> Tensor:
    """Bytes (B, S, S, 3) to Lab (B, 3, S, S)."""
    return rgb_to_lab(to_float(images))
