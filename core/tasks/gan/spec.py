"""``gan``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.metrics import Direction
from core.spec.model import presets_of
from core.spec.task import Modality, TaskSpec


class GenerativeAdversarialNetwork(TaskSpec):
    """A generator of images against a discriminator: Goodfellow et al. 2014 (arXiv 1406.2661).

    ``dcgan`` presets are Radford et al. 2015 (arXiv 1511.06434), ``resgan`` presets the residual network of Miyato et
    al. 2018 (arXiv 1802.05957). Set ``training.optimizer`` to Adam's usual for games: ``learning_rate`` 2e-4, ``beta1``
    0.5 (DCGAN) or 0 (residual), ``beta2`` 0.999, ``weight_decay`` 0.
    """

    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("dcgan", "resgan", default="dcgan-mini")
    evaluations: ClassVar[Mapping[str, Direction]] = {"frechet_distance_label_cnn": "lower"}

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

    latent_size: Annotated[int, Field(ge=1, le=4096)] = 128
    """Numbers that the generator makes an image from, drawn from a normal distribution."""

    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay a step of the averaged generator, the one that is shown, measured and exported; less in the first steps:
    (1 + step) / (10 + step)."""

    adaptive_augmentation: bool = False
    """Augment what the discriminator sees, as much as keeps it from learning the images by heart: for fewer than some ten
    thousand images (ADA, Karras et al. 2020, arXiv 2006.06676)."""

    augmentation_target: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    """Mean sign of the discriminator's scores of real images that augmentation is steered to."""

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
