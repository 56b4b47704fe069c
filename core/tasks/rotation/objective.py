"""Rotation prediction: classify by how many quarter turns an image was rotated.

Gidaris, Singh and Komodakis 2018, arXiv 1803.07728 (RotNet). All four rotations of each image are in the batch, so an image
adds four terms to the loss. To predict the rotation, the network must recognise objects that have an upright position.
"""

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from core.augmentation import to_float
from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.networks.vision import create_encoder, feature_width, features
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.images import EncoderObjective, initialising, is_images
from core.spec.job import JobSpec
from core.tasks.rotation.spec import RotationPrediction

ROTATIONS = 4


@objective_for(RotationPrediction)
class Rotation(EncoderObjective):
    """RotNet's pretraining task, on any encoder."""

    def __init__(self, encoder: PreTrainedModel, seed: int, data: PreparedImages) -> None:
        super().__init__(encoder, data)
        with initialising(seed, "head"):
            self.head = nn.Linear(feature_width(encoder), ROTATIONS)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert is_images(data)
        return cls(
            create_encoder(job, image_size=data.height, channels=data.channels), job.training.seed, data
        )

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        count = ROTATIONS * len(rows)
        return Batch({"images": torch.from_numpy(rows)}, count=count, samples=len(rows), tokens=count)

    def forward(self, batch: Batch) -> Losses:
        scores, turns = self.scores(batch.tensors["images"])
        total = functional.cross_entropy(scores, turns, reduction="sum")
        correct = (scores.detach().argmax(dim=1) == turns).sum()
        return Losses(total, {"rotation_accuracy": correct})

    def scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the four rotations for each rotated image, (4 B, 4), and the true ones, (4 B,).

        Args:
            images: bytes, shape (B, H, W, C).
        """
        pixels = self.normalised(to_float(images))
        rotated = torch.cat([torch.rot90(pixels, turns, (2, 3)) for turns in range(ROTATIONS)])
        scores = self.head(features(self.encoder, rotated)).float()
        turns = torch.arange(ROTATIONS, device=images.device).repeat_interleave(len(images))
        return scores, turns

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        device = self.device
        loss = torch.zeros((), dtype=torch.float64, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        for chunk in chunks(indices, batch_size):
            scores, turns = self.scores(torch.from_numpy(samples.rows(chunk)).to(device))
            loss += functional.cross_entropy(scores, turns, reduction="sum").double()
            correct += (scores.argmax(dim=1) == turns).sum()
        count = ROTATIONS * len(indices)
        return {
            "eval/loss": loss.item() / count if count else math.nan,
            "eval/rotation_accuracy": correct.item() / count if count else math.nan,
        }
