"""Generative adversarial network: a generator of images, and a discriminator that distinguishes them from real ones.

Goodfellow et al. 2014, arXiv 1406.2661; networks of Radford et al. 2015, arXiv 1511.06434 (DCGAN) and Miyato et al. 2018,
arXiv 1802.05957. A step has two phases, each with its own latents: first the discriminator is trained, then the
generator. Samples, measures and checkpoints use the generator's moving average.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.augmentation.adaptive import augment, draw
from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples, SplitName
from core.data.image import ImageSamples, PreparedImages
from core.distributed.collectives import summed
from core.evaluation.frechet import frechet_distance
from core.evaluation.label_classifier import NAME, LabelClassifier, to_signed, train_classifier
from core.evaluation.pictures import grid, png, to_pixels
from core.networks.gan import create_discriminator, create_generator
from core.objectives.base import (
    Batch,
    Losses,
    NamedParameters,
    Objective,
    Phase,
    Shown,
    chunks,
    objective_for,
)
from core.objectives.images import CHECKPOINT_ADVICE, is_images
from core.objectives.predictions import Answering, Asked, Predictor, images_result
from core.randomness import derive_seed, normals
from core.spec.job import JobSpec
from core.spec.predictions import GENERATE, GenerateOptions
from core.tasks.gan.losses import (
    hinge_discriminator,
    hinge_generator,
    logistic_discriminator,
    logistic_generator,
    r1_penalty,
)
from core.tasks.gan.spec import GenerativeAdversarialNetwork
from core.teachers.moving_average import MovingAverage, warmed_up

_SHOWN = 64
_GENERATED_AT_ONCE = 4
"""Images that are generated for a prediction between two turns of other requests."""
_STEERED_EVERY = 4
"""Steps between two changes of the augmentation's probability (arXiv 2006.06676, section 3.1)."""


@objective_for(GenerativeAdversarialNetwork)
class Gan(Objective):
    """Generator and discriminator, and their evaluation."""

    augmentation: Tensor
    signs: Tensor
    steps_done: Tensor
    judge_is_taught: Tensor

    def __init__(self, task: GenerativeAdversarialNetwork, job: JobSpec, data: PreparedImages) -> None:
        super().__init__()
        self.task = task
        self.data = data
        network, width, seed = job.architecture, job.gan_size.width, job.training.seed
        loss = task.loss_for(network)
        self._discriminator_loss, self._generator_loss = {
            "hinge": (hinge_discriminator, hinge_generator),
            "logistic": (logistic_discriminator, logistic_generator),
        }[loss]
        sizes = {"side": data.height, "channels": data.channels}
        self.generator, self.averaged = (
            create_generator(network, width, seed, latent_size=task.latent_size, **sizes) for _ in range(2)
        )
        self._average = MovingAverage(
            (self.generator, self.averaged), momentum=warmed_up(task.ema_decay), buffers=True
        )
        self.discriminator = create_discriminator(
            network,
            width,
            seed,
            batch_norm=task.has_batch_norm(network),
            spectral_norm=task.has_spectral_norm(network),
            **sizes,
        )
        # A classifier needs at least two classes; all labels may be in the held-out split.
        labels = data.labels("train")
        has_classes = len(np.unique(labels[labels >= 0])) > 1
        self.judge = LabelClassifier(data.channels, len(data.classes)) if has_classes else None
        if self.judge is not None:
            self.judge.eval().requires_grad_(False)
        self.register_buffer("augmentation", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(2))
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))
        self.register_buffer("judge_is_taught", torch.zeros((), dtype=torch.bool))
        self._step = 1
        """The current step; a copy of the buffer on the host."""

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, GenerativeAdversarialNetwork)
        assert is_images(data)
        return cls(job.task, job, data)

    @property
    def device(self) -> torch.device:
        """The device of the networks."""
        return self.augmentation.device

    def samples(self, split: SplitName) -> Samples:
        return ImageSamples(self.data, split)

    def optimizers(self) -> Mapping[str, NamedParameters]:
        return {
            name: [(key, p) for key, p in self.named_parameters() if key.startswith(f"{name}.")]
            for name in ("discriminator", "generator")
        }

    def phases(self) -> Sequence[Phase]:
        return (
            Phase(self.discriminator_losses, ("discriminator",)),
            Phase(self.generator_losses, ("generator",)),
        )

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        tensors = {"images": torch.from_numpy(rows)}
        for phase in ("discriminator", "generator"):
            latents = normals(derive_seed(key, phase, "latents"), samples, self.task.latent_size)
            tensors[f"{phase}.latents"] = torch.from_numpy(latents)
        if self.task.adaptive_augmentation:
            for seen in ("real", "discriminator", "generator"):
                tensors[f"{seen}.augmentation"] = draw(derive_seed(key, seen, "augmentation"), samples)
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=0)

    def forward(self, batch: Batch) -> Losses:
        return self.discriminator_losses(batch)

    def discriminator_losses(self, batch: Batch) -> Losses:
        """The first phase: train the discriminator to score real images higher than generated ones."""
        real = to_signed(batch.tensors["images"])
        penalised = self.task.r1_weight > 0 and self._step % self.task.r1_every == 0
        real.requires_grad_(penalised)
        with torch.no_grad():
            made = self.generator(batch.tensors["discriminator.latents"])
        real_scores = self._judged(real, batch.tensors.get("real.augmentation"))
        made_scores = self._judged(made, batch.tensors.get("discriminator.augmentation"))
        loss = self._discriminator_loss(real_scores, made_scores)
        named = {
            "discriminator_loss": loss.detach(),
            "real_score": real_scores.detach().float().sum(),
            "generated_score": made_scores.detach().float().sum(),
        }
        if penalised:
            penalty = r1_penalty(real_scores, real)
            named["r1"] = penalty.detach()
            loss = loss + 0.5 * self.task.r1_weight * self.task.r1_every * penalty
        if self.task.adaptive_augmentation:
            named["augmentation_probability"] = self.augmentation * batch.count
            if self.training:
                sign = real_scores.detach().float().sign().sum()
                self.signs += torch.stack([sign, torch.full_like(sign, len(real_scores))])
        return Losses(loss, named)

    def generator_losses(self, batch: Batch) -> Losses:
        """The second phase: train the generator to raise the discriminator's scores of generated images."""
        with _frozen(self.discriminator):
            made = self.generator(batch.tensors["generator.latents"])
            loss = self._generator_loss(self._judged(made, batch.tensors.get("generator.augmentation")))
        return Losses(loss, {"generator_loss": loss.detach()})

    def after_step(self, step: int) -> None:
        self._average.update(step)
        if self.task.adaptive_augmentation and step % _STEERED_EVERY == 0:
            self._adjust_augmentation()
        self.steps_done.fill_(step)
        self._step = step + 1

    def generate(self, latents: Tensor) -> Tensor:
        """Images in 0 … 1, (B, C, S, S), of the averaged generator."""
        made: Tensor = self.averaged(latents)
        return (made.float() + 1.0) / 2.0

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        if self.judge is not None and not self.judge_is_taught:
            train = ImageSamples(self.data, "train")
            train_classifier(self.judge, train, train.labels)
            self.judge_is_taught.fill_(True)
        scores: dict[str, list[Tensor]] = {"real": [], "generated": []}
        seen: dict[str, list[Tensor]] = {"real": [], "generated": []}
        for chunk in chunks(indices, batch_size):
            real = to_signed(torch.from_numpy(samples.rows(chunk)).to(self.device))
            made = self.generate(self._fixed_latents(chunk)) * 2.0 - 1.0
            for kind, images in (("real", real), ("generated", made)):
                scores[kind].append(self.discriminator(images).float())
                if self.judge is not None:
                    with torch.autocast(self.device.type, enabled=False):
                        # Both are rounded as bytes are, so that rounding affects both in the same way.
                        seen[kind].append(self.judge.features((images * 127.5).round() / 127.5))
        real_scores, made_scores = (torch.cat(scores[kind]) for kind in ("real", "generated"))
        right = (real_scores > 0).double().mean() + (made_scores < 0).double().mean()
        values = {
            "eval/real_score": real_scores.mean().item(),
            "eval/generated_score": made_scores.mean().item(),
            "eval/discriminator_accuracy": right.item() / 2,
        }
        if self.judge is not None and len(indices) > 1:
            features = [torch.cat(seen[kind]).cpu().numpy() for kind in ("real", "generated")]
            values[f"eval/frechet_distance_{NAME}"] = frechet_distance(*features)
        return values

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        made = self.generate(self._fixed_latents(np.arange(_SHOWN)))
        sheet = grid(to_pixels(made.cpu().numpy()), columns=8)
        return [Shown("generated", "image/png", png(sheet))]

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {GENERATE.kind: self._generate}

    def _generate(self, asked: Asked) -> Answering:
        options = asked.options
        assert isinstance(options, GenerateOptions)
        yield None
        key = derive_seed(options.seed, "prediction")
        made = []
        for chunk in chunks(np.arange(options.count, dtype=np.int64), _GENERATED_AT_ONCE):
            latents = torch.from_numpy(normals(key, chunk, self.task.latent_size)).to(self.device)
            made += list(to_pixels(self.generate(latents).cpu().numpy()))
            yield None
        return images_result((str(number), image[None]) for number, image in enumerate(made))

    @property
    def bundle(self) -> Bundle:
        return Bundle(
            networks=[Network("averaged.", self.averaged)], tensors=[Tensors()], advice=CHECKPOINT_ADVICE
        )

    def restored(self) -> None:
        self._step = int(self.steps_done) + 1

    def compile_networks(self) -> None:
        # The discriminator is not compiled: compiled networks have no second derivative, which R1 needs.
        self.generator.compile()

    def _judged(self, images: Tensor, drawn: Tensor | None) -> Tensor:
        """The discriminator's scores of images, which are augmented first if augmentation is on."""
        if drawn is not None:
            with torch.autocast(images.device.type, enabled=False):
                images = augment(images.float(), drawn, self.augmentation)
        scores: Tensor = self.discriminator(images)
        return scores

    @torch.no_grad()
    def _adjust_augmentation(self) -> None:
        """Adjust the augmentation's probability: up if the mean sign of real scores is above its target, else down."""
        signs, count = summed(self.signs)
        towards = torch.sign(signs / count - self.task.augmentation_target)
        self.augmentation += towards * count / self.task.augmentation_images
        self.augmentation.clamp_(0.0, 1.0)
        self.signs.zero_()

    def _fixed_latents(self, numbers: NDArray[np.int64]) -> Tensor:
        latents = normals(derive_seed(0, "evaluation latents"), numbers, self.task.latent_size)
        return torch.from_numpy(latents).to(self.device)


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """A context manager in which the weights of ``network`` need no gradient."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
