"""The residual generative adversarial network of Miyato et al. 2018 (arXiv 1802.05957)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.gan import GanSize, biased_convolution, halvings
from core.spec.decoders import count_linear


class ResGanSize(GanSize):
    """Width of a residual GAN: channels everywhere."""

    architecture: ClassVar[str] = "resgan"

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Table 4 of the paper has 256 and 128; the mini is for a CPU.
        return {"resgan-mini": cls(width=32), "resgan-base": cls(width=128)}

    def generator_parameters(self, inputs: Inputs, latent_size: int) -> int:
        width, count = self.width, halvings(inputs.image_size)
        start = -(-inputs.image_size // (1 << count))
        block = 4 * width + 2 * biased_convolution(width, width, 3) + biased_convolution(width, width, 1)
        last = 2 * width + biased_convolution(width, inputs.channels, 3)
        return count_linear(latent_size, width * start**2) + count * block + last

    def discriminator_parameters(self, inputs: Inputs, *, batch_norm: bool) -> int:  # noqa: ARG002 - the contract's
        """It never normalises over the batch."""
        width, channels = self.width, inputs.channels
        inner = biased_convolution(width, width, 3)
        first = biased_convolution(channels, width, 3) + inner + biased_convolution(channels, width, 1)
        downs = max(1, halvings(inputs.image_size) - 1) - 1
        blocks = downs * (2 * inner + biased_convolution(width, width, 1))
        return first + blocks + 2 * 2 * inner + count_linear(width, 1)

    def kept_numbers(self, side: int) -> int:
        # Two convolutions and two norms or rectifiers a block, at the finer of its two sides.
        sides = (-(-side // (1 << number)) for number in range(halvings(side)))
        return 2 * 4 * self.width * sum(side_**2 for side_ in sides)
