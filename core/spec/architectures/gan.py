"""What the architectures of generative adversarial networks have in common: a generator and its discriminator."""

import abc
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from core.spec.architectures.base import Inputs, Size

_LEAST_SIDE = 4
LATENT_SIZE = 128
"""Dimensions of the latent vector from which an image is generated, unless the task sets another number."""


class GanSize(Size):
    """Width of a generator and its discriminator."""

    settings: ClassVar[tuple[str, ...]] = ("width",)

    width: Annotated[int, Field(ge=4, le=4096)]
    """Channels: of ``dcgan`` at the finest map (more at each coarser one), of ``resgan`` everywhere."""

    def changed(self, settings: Mapping[str, Any]) -> Self:
        return type(self)(width=settings.get("width", self.width))

    @property
    def feature_width(self) -> None:
        return None

    def parameters(self, inputs: Inputs, *, latent_size: int = LATENT_SIZE, batch_norm: bool = False) -> int:
        """
        Args:
            latent_size: dimensions of the generator's latent vector.
            batch_norm: whether the discriminator normalises over the batch.
        """
        generator = self.generator_parameters(inputs, latent_size)
        return generator + self.discriminator_parameters(inputs, batch_norm=batch_norm)

    @abc.abstractmethod
    def generator_parameters(self, inputs: Inputs, latent_size: int) -> int:
        """Parameters of `core.networks.image_generator.ImageGenerator`."""

    @abc.abstractmethod
    def discriminator_parameters(self, inputs: Inputs, *, batch_norm: bool) -> int:
        """Parameters of a discriminator of `core.networks.discriminator`."""

    def activation_bytes(self, inputs: Inputs) -> int:
        return inputs.samples * (2 if inputs.half else 4) * self.kept_numbers(inputs.image_size)

    @abc.abstractmethod
    def kept_numbers(self, side: int) -> int:
        """Least count of numbers that both networks keep of one image for gradients: inputs of norms and rectifiers."""


def halvings(side: int) -> int:
    """How often the networks halve or double the resolution: between the image and a map of about 4 by 4."""
    return max(1, (-(-side // _LEAST_SIDE) - 1).bit_length())


def biased_convolution(before: int, after: int, side: int) -> int:
    """Parameters of a convolution with a bias."""
    return before * after * side**2 + after
