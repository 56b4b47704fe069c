"""Contrastive learning: find the other view of the same image among the views of all other images.

Chen et al. 2020, arXiv 2002.05709 (SimCLR). The choices are the views of one micro-batch, of all processes: a batch
divided into micro-batches has fewer choices than the same batch undivided, and a different loss.
"""

import math
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.augmentation import Views, draw_views
from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.distributed.collectives import gathered
from core.networks.heads import projection
from core.networks.vision import create_encoder, feature_width, features
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.images import EncoderObjective, initialising, is_images
from core.randomness import derive_seed
from core.spec.augmentation import simclr
from core.spec.job import JobSpec
from core.tasks.contrastive.losses import nt_xent, pair_scores
from core.tasks.contrastive.spec import ContrastiveLearning

_EVALUATION_KEY = derive_seed(0, "evaluation views")


@objective_for(ContrastiveLearning)
class Contrastive(EncoderObjective):
    """SimCLR's pretraining task, on any encoder; the features are taken before the projection."""

    compares_samples: ClassVar[bool] = True

    def __init__(self, task: ContrastiveLearning, job: JobSpec, data: PreparedImages) -> None:
        super().__init__(create_encoder(job, image_size=data.height, channels=data.channels), data)
        self.task = task
        width = feature_width(self.encoder)
        with initialising(job.training.seed, "head"):
            self.head = projection(width, task.projection_hidden_size or width, task.projection_size)
        self.augmentation = task.augmentation or simclr(data.height)
        self.views = Views(self.augmentation, data.mean, data.std)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, ContrastiveLearning)
        assert is_images(data)
        return cls(job.task, job, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        drawn = draw_views(self.augmentation, samples, key, rows.shape[1:3], count=2)
        count = 2 * len(rows)
        return Batch(
            {"images": torch.from_numpy(rows), **drawn}, count=count, samples=len(rows), tokens=count
        )

    def forward(self, batch: Batch) -> Losses:
        first, second = self.projections(batch)
        others, offset = gathered(torch.stack([first, second], dim=1))
        choices = (others[:, 0], others[:, 1])
        return Losses(nt_xent(first, second, self.task.temperature, gathered=choices, offset=offset), {})

    def projections(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Projections of both views of each image, shape (B, projection_size) each."""
        parameters = {name: tensor for name, tensor in batch.tensors.items() if name != "images"}
        pixels = self.views(batch.tensors["images"], parameters)
        projected = self.head(features(self.encoder, pixels))
        first, second = projected.chunk(2)
        return first, second

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        device = self.device
        loss = torch.zeros((), dtype=torch.float64, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        for chunk in chunks(indices, batch_size):
            batch = self.collate(samples.rows(chunk), chunk, _EVALUATION_KEY).to(device)
            first, second = self.projections(batch)
            loss += nt_xent(first, second, self.task.temperature).double()
            scores, partner = pair_scores(first, second, self.task.temperature)
            correct += (scores.argmax(dim=1) == partner).sum()
        count = 2 * len(indices)
        return {
            "eval/loss": loss.item() / count if count else math.nan,
            "eval/contrastive_accuracy": correct.item() / count if count else math.nan,
        }
