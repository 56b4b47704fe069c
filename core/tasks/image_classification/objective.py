"""Image classification: a linear layer on the features of an encoder, and cross-entropy."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.augmentation import Views, draw_views
from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples, SplitName
from core.data.image import PreparedImages
from core.networks.encoder import Encoder
from core.networks.image_classifier import classifier_encoder, create_image_classifier
from core.objectives.answers import possible
from core.objectives.base import Batch, Losses, objective_for
from core.objectives.images import CHECKPOINT_ADVICE, ImageObjective, is_images
from core.objectives.supervised import Classification, drop_before
from core.randomness import derive_seed, uniforms
from core.spec.augmentation import AugmentationSpec
from core.spec.job import JobSpec
from core.tasks.image_classification.spec import ImageClassification

LIGHT = AugmentationSpec(crop_min_area=0.6, jitter_probability=0.0, grayscale_probability=0.0)
"""The default augmentation."""


@objective_for(ImageClassification)
class ImageClassifier(Classification, ImageObjective):
    """An encoder and a linear head, trained on the classes of images."""

    def __init__(self, task: ImageClassification, job: JobSpec, data: PreparedImages) -> None:
        ImageObjective.__init__(self, data)
        self.task = task
        self.prepare(
            data.classes,
            missing=job.data.on_missing_label,
            smoothing=task.label_smoothing,
            weights=task.class_weights,
        )
        self.model = create_image_classifier(
            job,
            classes=data.classes,
            image_size=data.height,
            channels=data.channels,
            class_token=task.class_token,
        )
        head: Any = self.model.classifier
        drop_before(head, task.head_dropout)
        self.augmentation = task.augmentation or LIGHT
        self.views = Views(self.augmentation, data.mean, data.std)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, ImageClassification)
        assert is_images(data)
        return cls(job.task, job, data)

    def all_samples(self, split: SplitName) -> Samples:
        return ImageObjective.samples(self, split)

    @property
    def learned_encoder(self) -> Encoder:
        return classifier_encoder(self.model)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        tensors = {"images": torch.from_numpy(rows), **self.answers_of(samples)}
        tensors |= self._drawn(samples, key, rows.shape[1:3])
        if self.task.mixup:
            tensors |= self._partners(samples, key)
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=len(rows))

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        if not self.task.mixup:
            return super().losses_of(logits, batch)
        share, among = batch.tensors["mix/share"], batch.tensors.get("among")
        if among is not None:
            # Those of either image: their stages may differ.
            among = among | batch.tensors["mix/among"]
        predicted = possible(logits.detach(), among).argmax(dim=1)
        targets = torch.zeros_like(logits, dtype=torch.float32)
        correct = torch.zeros((), device=logits.device)
        for name, part in (("labels", share), ("mix/labels", 1 - share)):
            labels = batch.tensors[name]
            targets = targets + part[:, None] * functional.one_hot(labels, len(self.classes))
            correct = correct + (part * (predicted == labels)).sum()
        return Losses(self.loss(logits, targets, among), {"accuracy": correct})

    def batch_scores(self, batch: Batch) -> Tensor:
        pixels = self._views(batch, "")
        if self.task.mixup:
            share = batch.tensors["mix/share"][:, None, None, None]
            pixels = share * pixels + (1 - share) * self._views(batch, "mix/")
        scores: Tensor = self.model(pixel_values=pixels).logits
        return scores

    def scores(self, rows: NDArray[Any]) -> Tensor:
        scores: Tensor = self.model(pixel_values=self.normalised(self.pixels(rows))).logits
        return scores

    def encode(self, rows: NDArray[Any]) -> Tensor:
        return self.learned_encoder.features(self.normalised(self.pixels(rows)))

    @property
    def bundle(self) -> Bundle:
        network = Network("model.", self.model, write_beside=self.save_preprocessor, published_names=True)
        return Bundle([network], tensors=[Tensors(may_be_absent=True)], advice=CHECKPOINT_ADVICE)

    def _drawn(
        self, samples: NDArray[np.int64], key: int, shape: tuple[int, ...], prefix: str = ""
    ) -> dict[str, Tensor]:
        """How the images are augmented, a function of (key, sample)."""
        drawn = draw_views(self.augmentation, samples, key, (shape[0], shape[1]))
        return {f"{prefix}view/{name}": tensor for name, tensor in drawn.items()}

    def _partners(self, samples: NDArray[np.int64], key: int) -> dict[str, Tensor]:
        """For each image another training image to mix it with, and its own share; a function of (key, sample)."""
        key = derive_seed(key, "mixup")
        train = self.samples("train")
        partners = (uniforms(key, samples, 1, streams=1)[0, :, 0] * len(train)).astype(np.int64)
        shares = [
            np.random.default_rng(derive_seed(key, int(sample))).beta(self.task.mixup, self.task.mixup)
            for sample in samples
        ]
        rows = train.rows(partners)
        return {
            "mix/images": torch.from_numpy(rows),
            **{f"mix/{name}": tensor for name, tensor in self.answers_of(partners).items()},
            "mix/share": torch.tensor(shares, dtype=torch.float32),
            **self._drawn(samples, key, rows.shape[1:3], "mix/"),
        }

    def _views(self, batch: Batch, prefix: str) -> Tensor:
        """Augmented and normalised images of a batch, shape (B, C, H, W)."""
        start = f"{prefix}view/"
        drawn = {
            name.removeprefix(start): tensor
            for name, tensor in batch.tensors.items()
            if name.startswith(start)
        }
        pixels: Tensor = self.views(batch.tensors[f"{prefix}images"], drawn)
        return pixels
