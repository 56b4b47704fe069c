"""``gan``."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.gan import LATENT_SIZE, GanSize
from core.spec.metrics import LOSS, Metric
from core.spec.model import presets_of
from core.spec.opening import OWN_CLASS, Opening
from core.spec.predictions import GENERATE, Prediction
from core.spec.recipes import Document, Recipe, base, few_steps, mini, smoke, some_steps
from core.spec.task import Modality, TaskSpec

_GAME: Document = {"gradient_clip": None, "schedule": {"kind": "constant"}}
"""Training of two networks against each other: docs/tasks/gan.md."""


def _adam(beta1: float) -> dict[str, float]:
    return {"learning_rate": 0.0002, "beta1": beta1, "beta2": 0.999, "weight_decay": 0.0}


class GenerativeAdversarialNetwork(TaskSpec):
    """Train a generator of images against a discriminator: Goodfellow et al. 2014 (arXiv 1406.2661).

    ``dcgan`` presets are Radford et al. 2015 (arXiv 1511.06434), ``resgan`` presets the residual network of Miyato et
    al. 2018 (arXiv 1802.05957). Set ``training.optimizer`` to Adam's usual for games: ``learning_rate`` 2e-4, ``beta1``
    0.5 (DCGAN) or 0 (residual), ``beta2`` 0.999, ``weight_decay`` 0.
    """

    title: ClassVar[str] = "Generative adversarial network"
    choose_if: ClassVar[str] = "Choose this if you want new images like yours, and no features."
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("dcgan", "resgan", default="dcgan-mini")
    phases: ClassVar[int] = 2
    metrics: ClassVar[tuple[Metric, ...]] = (
        replace(LOSS, areas=("train",)),  # the held-out part has no loss of its own
        Metric(
            "frechet_distance_label_cnn",
            "Fréchet distance (label CNN)",
            better="lower",
            hint=(
                "Between real and generated images, on features of a small classifier of this dataset; lower is "
                "better. Not the FID."
            ),
            logarithmic=True,
            tile="Fréchet distance",
        ),
        Metric("discriminator_accuracy", "Discriminator accuracy", unit="share", tile="Discriminator right"),
        Metric("discriminator_loss", "Discriminator loss", ("train",)),
        Metric("generator_loss", "Generator loss", ("train",), tile="Generator loss"),
        Metric("real_score", "Score of real", ("train", "eval")),
        Metric("generated_score", "Score of generated", ("train", "eval")),
        Metric("r1", "R1 penalty", ("train",), logarithmic=True, always=False),
        Metric(
            "augmentation_probability", "Augmentation probability", ("train",), unit="share", always=False
        ),
    )
    recipes: ClassVar[tuple[Recipe, ...]] = (
        smoke(
            "dcgan-mini, 60 steps: about a minute on a laptop",
            {"model": {"preset": "dcgan-mini"}, "training": few_steps(32, _adam(0.5), **_GAME)},
        ),
        mini(
            "dcgan-mini, 600 steps of 64 images: some minutes on a CPU",
            {"model": {"preset": "dcgan-mini"}, "training": some_steps(600, 64, _adam(0.5), **_GAME)},
        ),
        base(
            "resgan-base, 100,000 steps of 64 images: for a GPU",
            {
                "model": {"preset": "resgan-base"},
                "training": {
                    "steps": 100_000,
                    "batch_size": 64,
                    "optimizer": _adam(0.0),
                    **_GAME,
                    "log_every": 50,
                    "evaluate_every": 2000,
                    "checkpoint_every": 5000,
                },
                "resources": {"device": "cuda"},
            },
        ),
    )
    opening: ClassVar[Opening] = replace(OWN_CLASS, pipeline="unconditional-image-generation")
    predictions: ClassVar[tuple[Prediction, ...]] = (GENERATE,)
    has_encoder: ClassVar[bool] = False

    kind: Literal["gan"] = "gan"

    loss: Literal["auto", "logistic", "hinge"] = "auto"
    """``logistic``: the non-saturating loss of the first paper. ``hinge``: Lim and Ye 2017 (arXiv 1705.02894).
    ``auto``: logistic for ``dcgan``, hinge for ``resgan``."""

    spectral_norm: bool | None = None
    """Divide each weight of the discriminator by its largest singular value (arXiv 1802.05957). Default: for
    ``resgan`` alone."""

    r1_weight: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Weight (gamma) of the R1 penalty on real images (arXiv 1801.04406); 0 for none. It costs a second backward pass, and takes the
    batch norm out of DCGAN's discriminator. 0.1 to 10 are usual, more for larger images."""

    r1_every: Annotated[int, Field(ge=1, le=64)] = 4
    """Steps from one R1 penalty to the next, which then counts as many times (Karras et al. 2019, arXiv 1912.04958)."""

    latent_size: Annotated[int, Field(ge=1, le=4096)] = LATENT_SIZE
    """Dimensions of the generator's latent vector, drawn from a normal distribution."""

    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay a step of the averaged generator, the one that is shown, measured and exported; less in the first steps:
    (1 + step) / (10 + step)."""

    adaptive_augmentation: bool = False
    """Augment the discriminator's inputs as much as is needed against overfitting (memorising images): for fewer
    than some ten thousand images (ADA, Karras et al. 2020, arXiv 2006.06676)."""

    augmentation_target: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    """Target of the mean sign of the discriminator's scores of real images, to which augmentation is adjusted."""

    augmentation_images: Annotated[int, Field(ge=1)] = 500_000
    """Images within which the augmentation's probability can go from 0 to 1."""

    def loss_for(self, network: str) -> Literal["logistic", "hinge"]:
        """The loss of a job with such a network."""
        if self.loss == "auto":
            return "logistic" if network == "dcgan" else "hinge"
        return self.loss

    def has_spectral_norm(self, network: str) -> bool:
        """Whether its discriminator's weights are divided by their largest singular values."""
        return network == "resgan" if self.spectral_norm is None else self.spectral_norm

    def has_batch_norm(self, network: str) -> bool:
        """Whether its discriminator normalises over the batch: as DCGAN's does, but not where R1 would be mixed by it,
        or spectral norm already bounds it."""
        return network == "dcgan" and self.r1_weight == 0 and not self.has_spectral_norm(network)

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, GanSize)
        return network.parameters(
            inputs, latent_size=self.latent_size, batch_norm=self.has_batch_norm(network.architecture)
        )
