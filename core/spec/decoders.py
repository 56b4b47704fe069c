"""Sizes and parameter counts of decoders, which turn features into images, and of heads; without torch."""

import itertools

GROUP = 8
"""Channels per group of group norm."""
_LEAST_WIDTH, _LARGEST_WIDTH = 16, 256


def doublings(side: int, target: int) -> int:
    """How often ``side`` is doubled until it reaches ``target``."""
    count = 0
    while side < target:
        side, count = 2 * side, count + 1
    return count


def decoder_widths(width: int, count: int) -> list[int]:
    """Channels after each of ``count`` doublings of a map of ``width``: half as many each time, from 16 to 256."""
    halves = (width >> number for number in range(1, count + 1))
    return [min(_LARGEST_WIDTH, max(_LEAST_WIDTH, half // GROUP * GROUP)) for half in halves]


def count_decoder(width: int, start: int, side: int, outputs: int) -> int:
    """Parameters of `core.networks.decoder.Decoder`."""
    widths = [width, *decoder_widths(width, doublings(start, side))]
    stages = sum(9 * before * after + after + 2 * after for before, after in itertools.pairwise(widths))
    return stages + 9 * widths[-1] * outputs + outputs


def count_linear(before: int, after: int) -> int:
    """Parameters of a linear layer with a bias."""
    return (before + 1) * after


def count_projection(width: int, hidden: int, output: int, layers: int = 2) -> int:
    """Parameters of `core.networks.heads.projection`."""
    widths = [width, *[hidden] * (layers - 1)]
    inner = sum(before * after + 2 * after for before, after in itertools.pairwise(widths))
    return inner + count_linear(widths[-1], output)


def count_prototype_head(width: int, hidden: int, bottleneck: int, outputs: int) -> int:
    """Parameters of `core.networks.heads.PrototypeHead`."""
    perceptron = count_linear(width, hidden) + count_linear(hidden, hidden) + count_linear(hidden, bottleneck)
    return perceptron + bottleneck * outputs


def decoder_start_width(width: int) -> int:
    """Channels of the first map of a decoder of whole images, after an encoder of ``width``."""
    return min(_LARGEST_WIDTH, max(_LEAST_WIDTH, width // GROUP * GROUP))


def count_autoencoder(width: int, start: int, *, code_size: int, side: int, channels: int) -> int:
    """Parameters of a denoising autoencoder after its encoder, whose last map is (width, start, start)."""
    first = decoder_start_width(width)
    bottleneck = count_linear(width * start**2, code_size) + count_linear(code_size, first * start**2)
    return bottleneck + count_decoder(first, start, side, channels)
