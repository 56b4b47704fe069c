"""Joint-embedding prediction: predict the features of hidden blocks of an image from the rest of it.

Assran et al. 2023, arXiv 2301.08243 (I-JEPA). The targets are features from a moving average of the encoder, not
pixels, so no capacity is spent on unpredictable detail. The moving average and the predictor prevent a collapse to a
constant.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import IJepaConfig

from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.evaluation.pictures import Pixels, greyed, one_above_other, png, to_pixels
from core.networks.ijepa import Predictor, create_ijepa, encode_patches, ijepa_config, take
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.crops import Crops
from core.objectives.images import EncoderObjective, initialising, is_images
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.tasks.joint_embedding_prediction.block_masks import draw_blocks
from core.tasks.joint_embedding_prediction.spec import JointEmbeddingPrediction
from core.teachers.moving_average import MovingAverage, linear

_EVALUATION_KEY = derive_seed(0, "evaluation blocks")


@objective_for(JointEmbeddingPrediction)
class JointEmbeddingPredictor(EncoderObjective):
    """I-JEPA's pretraining task. ``self.encoder`` is the moving average, which is the network that a checkpoint opens as."""

    def __init__(
        self, task: JointEmbeddingPrediction, config: IJepaConfig, job: JobSpec, data: PreparedImages
    ) -> None:
        seed = job.training.seed
        super().__init__(create_ijepa(config, seed), data)
        self.task = task
        self.student = create_ijepa(config, seed)
        self._grid = data.height // job.patch_size
        self._average = MovingAverage(
            (self.student, self.encoder), momentum=linear(task.momentum, job.training.total_steps)
        )
        with initialising(seed, "predictor"):
            self.predictor = Predictor(
                job.size.hidden_size, task.predictor_size(job.size), self._grid, dropout=job.dropout
            )
        self._crops = Crops(min_area=0.3, flip_probability=0.0)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, JointEmbeddingPrediction)
        assert is_images(data)
        config = ijepa_config(
            job.size,
            dropout=job.dropout,
            image_size=data.height,
            patch_size=job.patch_size,
            channels=data.channels,
        )
        return cls(job.task, config, job, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        crops = self._crops.draw(samples, key, self.side) if self.task.random_crop else {}
        return self._masked(rows, samples, key, crops)

    def forward(self, batch: Batch) -> Losses:
        pixels = self.normalised(self._crops.cut(batch.tensors["images"], batch.tensors))
        return Losses(self._squared_errors(pixels, batch), {})

    def targets(self, pixels: Tensor, patches: Tensor) -> Tensor:
        """The moving-average encoder's features of some patches, each normalised to mean 0 and deviation 1.

        Args:
            pixels: normalised, shape (B, C, H, W).
            patches: shape (B, M, K).

        Returns:
            Shape (B, M, K, D).
        """
        with torch.no_grad():
            self.encoder.train(mode=False)
            whole = self.encoder(pixel_values=pixels).last_hidden_state.float()
            whole = functional.layer_norm(whole, whole.shape[-1:])
        return take(whole, patches.flatten(1)).view(*patches.shape, -1)

    def predict(self, pixels: Tensor, batch: Batch) -> Tensor:
        """Predicted features of a batch's targets, shape (B, M, K, D)."""
        chosen, present = batch.tensors["context"], batch.tensors["present"]
        context = encode_patches(self.student, pixels, chosen, present)
        predicted: Tensor = self.predictor(context, chosen, present, batch.tensors["targets"])
        return predicted.float()

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self._masked(samples.rows(chunk), chunk, _EVALUATION_KEY, {}).to(self.device)
            pixels = self.normalised(self._crops.cut(batch.tensors["images"], {}))
            loss += self._squared_errors(pixels, batch).double()
            count += batch.count
        return {"eval/loss": loss.item() / count if count else math.nan}

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown]:
        """Rows: the crops of the images, the context, and each target block."""
        batch = self.collate(rows, samples, key).to(self.device)
        pixels = self._crops.cut(batch.tensors["images"], batch.tensors)
        images = to_pixels(pixels.cpu().numpy())
        tensors = {name: batch.tensors[name].cpu().numpy() for name in ("context", "present", "targets")}
        context = np.zeros((len(rows), self._grid**2), dtype=bool)
        sample, place = np.nonzero(tensors["present"])
        context[sample, tensors["context"][sample, place]] = True
        kinds = [images, self._only(images, context)]
        for block in tensors["targets"].swapaxes(0, 1):
            asked = np.zeros_like(context)
            np.put_along_axis(asked, block, values=True, axis=1)
            kinds.append(self._only(images, asked))
        return [Shown("image_context_targets", "image/png", png(one_above_other(*kinds)))]

    def start_from_encoder(self, directory: Path) -> None:
        super().start_from_encoder(directory)
        # The student and its moving average start with equal weights.
        self.student.load_state_dict(self.encoder.state_dict())

    def after_step(self, step: int) -> None:
        self._average.update(step)

    def compile_networks(self) -> None:
        # The student is not compiled: its number of patches changes from step to step.
        self.encoder.compile()

    def _only(self, images: Pixels, seen: NDArray[np.bool_]) -> Pixels:
        """Images with all but the ``seen`` patches, (B, L), in grey."""
        return greyed(images, ~seen.reshape(-1, self._grid, self._grid))

    def _masked(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int, crops: Mapping[str, Tensor]
    ) -> Batch:
        blocks = draw_blocks(self.task, samples, key, self._grid)
        tensors = {
            "images": torch.from_numpy(rows),
            "context": torch.from_numpy(blocks.context),
            "present": torch.from_numpy(blocks.present),
            "targets": torch.from_numpy(blocks.targets),
            **crops,
        }
        count = blocks.targets.size
        return Batch(tensors, count=count, samples=len(rows), tokens=len(rows) * self._grid**2)

    def _squared_errors(self, pixels: Tensor, batch: Batch) -> Tensor:
        """Squared errors summed over the targets' patches; the error of a patch is the mean over its features."""
        targets = self.targets(pixels, batch.tensors["targets"])
        return (self.predict(pixels, batch) - targets).square().mean(dim=-1).sum()
