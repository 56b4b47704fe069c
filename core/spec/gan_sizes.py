"""Sizes of the two players of a GAN; without torch, so that they can be counted."""

import itertools
from typing import Annotated

from pydantic import Field

from core.spec.base import Spec
from core.spec.decoders import count_linear

_LEAST_SIDE = 4
_LARGEST_FACTOR = 8


class GanSize(Spec):
    """Width of a generator and its discriminator."""

    width: Annotated[int, Field(ge=4, le=4096)]
    """Channels: of ``dcgan`` at the finest map (more at each coarser one), of ``resgan`` everywhere."""


def halvings(side: int) -> int:
    """How often the players halve or double: between the image and a map of about 4."""
    return max(1, (-(-side // _LEAST_SIDE) - 1).bit_length())


def discriminator_widths(width: int, count: int) -> list[int]:
    """Channels after each halving of DCGAN's discriminator; backwards, those of its generator."""
    return [width * min(_LARGEST_FACTOR, 1 << number) for number in range(count)]


def count_generator(network: str, width: int, *, latent_size: int, side: int, channels: int) -> int:
    """Parameters of `core.networks.image_generator.ImageGenerator`."""
    count = halvings(side)
    start = -(-side // (1 << count))
    if network == "dcgan":
        widths = [*reversed(discriminator_widths(width, count)), channels]
        pairs = itertools.pairwise(widths)
        return latent_size * widths[0] * start**2 + sum(
            2 * before + 16 * before * after + after for before, after in pairs
        )
    block = 4 * width + 2 * _convolution(width, width, 3) + _convolution(width, width, 1)
    first, last = count_linear(latent_size, width * start**2), 2 * width + _convolution(width, channels, 3)
    return first + count * block + last


def count_discriminator(network: str, width: int, *, side: int, channels: int, batch_norm: bool) -> int:
    """Parameters of a discriminator of `core.networks.discriminator`."""
    count = halvings(side)
    if network == "dcgan":
        total, before = 0, channels
        for number, after in enumerate(discriminator_widths(width, count)):
            # A bias, or a norm's scale and shift in its place.
            total += 16 * before * after + (2 * after if batch_norm and number > 0 else after)
            before, side = after, side // 2
        return total + count_linear(before * side**2, 1)
    inner = _convolution(width, width, 3)
    first = _convolution(channels, width, 3) + inner + _convolution(channels, width, 1)
    downs = (max(1, count - 1) - 1) * (2 * inner + _convolution(width, width, 1))
    return first + downs + 2 * 2 * inner + count_linear(width, 1)


def _convolution(before: int, after: int, side: int) -> int:
    return before * after * side**2 + after


def gan_numbers(network: str, width: int, side: int) -> int:
    """Numbers that both players keep of one image for their gradients, at the least: what norms and rectifiers are fed."""
    count = halvings(side)
    sides = [-(-side // (1 << number)) for number in range(count + 1)]
    if network == "dcgan":
        a_player = sum(
            width_ * side_**2
            for width_, side_ in zip(discriminator_widths(width, count), sides[1:], strict=True)
        )
        return 2 * 2 * a_player
    # Two convolutions and two norms or rectifiers a block, at the finer of its two sides.
    return 2 * 4 * width * sum(side_**2 for side_ in sides[:-1])
