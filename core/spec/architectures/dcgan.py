"""DCGAN (Radford et al. 2015, arXiv 1511.06434)."""

import itertools
from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.gan import GanSize, halvings
from core.spec.decoders import count_linear

_LARGEST_FACTOR = 8


class DcganSize(GanSize):
    """Width of a DCGAN: channels of the feature map with the highest resolution; maps of lower resolution have more."""

    architecture: ClassVar[str] = "dcgan"

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Figure 1 of the paper has 128; the mini is for a CPU.
        return {"dcgan-mini": cls(width=32), "dcgan-base": cls(width=128)}

    def generator_parameters(self, inputs: Inputs, latent_size: int) -> int:
        count = halvings(inputs.image_size)
        start = -(-inputs.image_size // (1 << count))
        widths = [*reversed(discriminator_widths(self.width, count)), inputs.channels]
        stages = sum(2 * before + 16 * before * after + after for before, after in itertools.pairwise(widths))
        return latent_size * widths[0] * start**2 + stages

    def discriminator_parameters(self, inputs: Inputs, *, batch_norm: bool) -> int:
        total, before, side = 0, inputs.channels, inputs.image_size
        for number, after in enumerate(discriminator_widths(self.width, halvings(side))):
            # A bias, or a norm's scale and shift in its place.
            total += 16 * before * after + (2 * after if batch_norm and number > 0 else after)
            before, side = after, side // 2
        return total + count_linear(before * side**2, 1)

    def kept_numbers(self, side: int) -> int:
        count = halvings(side)
        sides = (-(-side // (1 << number)) for number in range(1, count + 1))
        maps = zip(discriminator_widths(self.width, count), sides, strict=True)
        return 2 * 2 * sum(width * side_**2 for width, side_ in maps)


def discriminator_widths(width: int, count: int) -> list[int]:
    """Channels after each halving of DCGAN's discriminator; backwards, those of its generator."""
    return [width * min(_LARGEST_FACTOR, 1 << number) for number in range(count)]
