"""Self-distillation: predict, from one view of an image, a moving-average teacher's output for another view.

DINO (Caron et al. 2021, arXiv 2104.14294) and BYOL (Grill et al. 2020, arXiv 2006.07733). Checkpoints and probes use
the encoder that the paper keeps: the teacher's of DINO, the trained one of BYOL.
"""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from core.augmentation import Views, draw_views
from core.data import Prepared, Samples
from core.data.image import PreparedImages
from core.distributed.collectives import summed
from core.networks.encoder import Encoder
from core.networks.heads import PrototypeHead, projection
from core.networks.image_encoder import ImageEncoder
from core.networks.vision import Pooling, create_encoder, feature_width, features
from core.networks.vit_positions import crop_features, use_resized_positions
from core.objectives.base import Batch, Losses, NamedParameters, chunks, objective_for
from core.objectives.images import EncoderObjective, initialising, is_images
from core.randomness import derive_seed
from core.spec.augmentation import AugmentationSpec
from core.spec.augmentation import dino as dino_views
from core.spec.job import JobSpec
from core.tasks.self_distillation.losses import byol, dino, moved_centre
from core.tasks.self_distillation.spec import SelfDistillation
from core.teachers.moving_average import MovingAverage, cosine

_EVALUATION_KEY = derive_seed(0, "evaluation views")


def teacher_temperature_at(step: int, steps: int, task: SelfDistillation) -> float:
    """DINO's teacher temperature in step ``step``: linear from its first to its last value over the warm-up, then constant."""
    warmup = task.teacher_temperature_warmup * steps
    done = min(1.0, step / warmup) if warmup else 1.0
    return task.teacher_temperature_start + done * (task.teacher_temperature - task.teacher_temperature_start)


@objective_for(SelfDistillation)
class SelfDistilling(EncoderObjective):
    """Base class of both methods: a student network that is trained, and a teacher that is its moving average.

    Args:
        keeps_teacher: whether ``self.encoder``, which checkpoints contain, is the teacher's.
    """

    steps_done: Tensor
    average: MovingAverage
    """The moving average that updates the teacher's encoder and head."""

    def __init__(
        self, task: SelfDistillation, job: JobSpec, data: PreparedImages, *, keeps_teacher: bool
    ) -> None:
        super().__init__(create_encoder(job, image_size=data.height, channels=data.channels), data)
        self.task = task
        # DINO's features are the class token's (section 3.2); BYOL's networks have no class token.
        self.pooling: Pooling = "cls" if keeps_teacher else "mean"
        self.steps = job.training.total_steps
        self.companion = create_encoder(job, image_size=data.height, channels=data.channels)
        self.keeps_teacher = keeps_teacher
        for encoder in (self.encoder, self.companion):
            use_resized_positions(encoder)
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))
        self._step = 1
        """The current step; a copy of the buffer on the host."""

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> "SelfDistilling":
        assert isinstance(job.task, SelfDistillation)
        assert is_images(data)
        return (Dino if job.task.method == "dino" else Byol)(job.task, job, data)

    @property
    def student(self) -> PreTrainedModel:
        """The trained encoder."""
        return self.companion if self.keeps_teacher else self.encoder

    @property
    def teacher(self) -> PreTrainedModel:
        """The moving average of the student."""
        return self.encoder if self.keeps_teacher else self.companion

    def averaging(self, head: nn.Module, teacher_head: nn.Module) -> MovingAverage:
        """Make the teacher and its head moving averages of the student and ``head``."""
        momentum = cosine(self.task.momentum, self.steps)
        return MovingAverage((self.student, self.teacher), (head, teacher_head), momentum=momentum)

    @property
    @abc.abstractmethod
    def crops(self) -> Mapping[str, tuple[Views, int]]:
        """Kinds of views of an image by name: their augmentation and number."""

    @abc.abstractmethod
    def losses(self, views: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of the views of B images, summed over its terms, and named parts of it, likewise."""

    terms: int
    """Terms of the loss for an image."""

    def optimizers(self) -> Mapping[str, NamedParameters]:
        return {"main": [(name, p) for name, p in self.named_parameters() if p.requires_grad]}

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        tensors, first = {"images": torch.from_numpy(rows)}, 0
        for kind, (views, count) in self.crops.items():
            drawn = draw_views(
                views.spec, samples, key, rows.shape[1:3], size=views.size, first=first, count=count
            )
            tensors |= {f"{kind}.{name}": tensor for name, tensor in drawn.items()}
            first += count
        return Batch(tensors, count=self.terms * len(rows), samples=len(rows), tokens=first * len(rows))

    def forward(self, batch: Batch) -> Losses:
        return Losses(*self.losses(self.views(batch)))

    def views(self, batch: Batch) -> dict[str, Tensor]:
        """Normalised crops by kind, shape (V B, C, S, S), view by view."""
        found = {}
        for kind, (views, _) in self.crops.items():
            prefix = f"{kind}."
            parameters = {
                name.removeprefix(prefix): tensor
                for name, tensor in batch.tensors.items()
                if name.startswith(prefix)
            }
            found[kind] = views(batch.tensors["images"], parameters)
        return found

    def after_step(self, step: int) -> None:
        self.average.update(step)
        self.steps_done.fill_(step)
        self._step = step + 1

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        sums: dict[str, Tensor] = {}
        for chunk in chunks(indices, batch_size):
            batch = self.collate(samples.rows(chunk), chunk, _EVALUATION_KEY).to(self.device)
            total, named = self.losses(self.views(batch))
            for name, value in {"loss": total, **named}.items():
                sums[f"eval/{name}"] = sums.get(f"eval/{name}", 0) + value.double()
        count = self.terms * len(indices)
        return {name: value.item() / count for name, value in sums.items()}

    @property
    def learned_encoder(self) -> Encoder:
        return ImageEncoder(self.encoder, self.pooling)

    def start_from_encoder(self, directory: Path) -> None:
        super().start_from_encoder(directory)
        # Student and teacher start with equal weights.
        self.companion.load_state_dict(self.encoder.state_dict())

    def restored(self) -> None:
        self._step = int(self.steps_done) + 1

    def compile_networks(self) -> None:
        self.encoder.compile()
        self.companion.compile()


class Dino(SelfDistilling):
    """DINO: cross-entropy between shares of prototypes, centred and sharpened, over many crops."""

    centre: Tensor
    teacher_sum: Tensor
    terms = 1

    def __init__(self, task: SelfDistillation, job: JobSpec, data: PreparedImages) -> None:
        super().__init__(task, job, data, keeps_teacher=True)
        first, second, local = dino_views(data.height)
        patch = job.patch_size if "patch_size" in job.network_size.settings else None
        self.first = Views(first, data.mean, data.std)
        self.second = Views(second, data.mean, data.std)
        self.local = Views(local, data.mean, data.std, size=task.local_size(data.height, patch))
        width = feature_width(self.encoder)
        self.head, self.teacher_head = (self._create_head(width, job.training.seed) for _ in range(2))
        self.average = self.averaging(self.head, self.teacher_head)
        self.register_buffer("centre", torch.zeros(task.prototypes))
        # Sum over the micro-batches of the current step; empty between steps, so that no checkpoint needs it.
        self.register_buffer("teacher_sum", torch.zeros(task.prototypes + 1), persistent=False)

    @property
    def crops(self) -> Mapping[str, tuple[Views, int]]:
        large = {"first": (self.first, 1), "second": (self.second, 1)}
        return large | ({"local": (self.local, self.task.local_crops)} if self.task.local_crops else {})

    def losses(self, views: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
        large = torch.cat([views["first"], views["second"]])
        with torch.no_grad():
            targets = self.teacher_head(features(self.teacher, large, self.pooling)).float()
        if self.training:
            rows = targets.new_full((1,), len(targets))
            self.teacher_sum += torch.cat([targets.sum(dim=0), rows])
        seen = [features(self.student, large, self.pooling)]
        if "local" in views:
            seen.append(crop_features(self.student, views["local"], self.pooling))
        frozen = self._step <= self.task.frozen_prototypes * self.steps
        scores = self.head(torch.cat(seen), frozen=frozen)
        batch = len(views["first"])
        temperature = teacher_temperature_at(self._step, self.steps, self.task)
        teacher = targets.view(2, batch, -1)
        loss = dino(
            scores.view(-1, batch, scores.shape[1]),
            teacher,
            self.centre,
            student_temperature=self.task.student_temperature,
            teacher_temperature=temperature,
        )
        logs = torch.log_softmax((teacher - self.centre) / temperature, dim=-1)
        # Near 0: one prototype for all images. Near log K: all prototypes equally for all images. Both are a collapse.
        entropy = -(logs.exp() * logs).sum() / 2
        mean = logs.exp().mean(dim=(0, 1))
        spread = -(mean * mean.clamp(min=1e-30).log()).sum() * batch
        return loss, {"teacher_entropy": entropy.detach(), "prototype_entropy": spread.detach()}

    def after_step(self, step: int) -> None:
        super().after_step(step)
        total = summed(self.teacher_sum)
        self.centre.copy_(moved_centre(self.centre, total[:-1] / total[-1], self.task.centre_momentum))
        self.teacher_sum.zero_()

    def _create_head(self, width: int, seed: int) -> PrototypeHead:
        with initialising(seed, "head"):
            return PrototypeHead(width, self.task.head_hidden_size, self.task.head_size, self.task.prototypes)


class Byol(SelfDistilling):
    """BYOL: a predictor predicts, from one view, the averaged network's projection of the other."""

    terms = 2

    def __init__(self, task: SelfDistillation, job: JobSpec, data: PreparedImages) -> None:
        super().__init__(task, job, data, keeps_teacher=False)
        first, second = (self._whole(spec) for spec in dino_views(data.height)[:2])
        self.first, self.second = (Views(spec, data.mean, data.std) for spec in (first, second))
        width, hidden, size = feature_width(self.encoder), task.head_hidden_size, task.head_size
        heads = []
        for _ in range(2):
            with initialising(job.training.seed, "head"):
                heads.append(projection(width, hidden, size))
        self.head, self.teacher_head = heads
        self.average = self.averaging(self.head, self.teacher_head)
        with initialising(job.training.seed, "predictor"):
            self.predictor = projection(size, hidden, size)

    @property
    def crops(self) -> Mapping[str, tuple[Views, int]]:
        return {"first": (self.first, 1), "second": (self.second, 1)}

    def losses(self, views: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
        both = torch.cat([views["first"], views["second"]])
        guesses = self.predictor(self.head(features(self.student, both, self.pooling)))
        with torch.no_grad():
            targets = self.teacher_head(features(self.teacher, both, self.pooling)).float()
            first, second = targets.chunk(2)
            # Deviation of unit vectors times the root of their width: 1 if they are uniform on the sphere, 0 if collapsed.
            spread = functional.normalize(targets, dim=1).std(dim=0, correction=0).mean()
            spread = spread * targets.shape[1] ** 0.5 * len(targets)
        return byol(guesses, torch.cat([second, first])), {"target_spread": spread}

    @staticmethod
    def _whole(spec: AugmentationSpec) -> AugmentationSpec:
        """Augmentation of DINO's large views: BYOL's (appendix B), but with crops as small as SimCLR's."""
        return spec.model_copy(update={"crop_min_area": 0.08})
