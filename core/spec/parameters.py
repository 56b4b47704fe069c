"""How many numbers a network has, counted without building it."""

from core.spec.model import Architecture, ResNetSize, TransformerSize


def count_parameters(
    architecture: Architecture, size: TransformerSize, *, vocabulary_size: int, positions: int
) -> int:
    """Parameters of a language model with its pretraining head; weights that are shared count once."""
    count = {"bert": _bert, "gpt2": _gpt2}[architecture]
    return count(size, vocabulary_size, positions)


def count_vit(size: TransformerSize, *, patches: int, patch_size: int, channels: int) -> int:
    """Parameters of a vision transformer without a head: a class token, learned positions, a last norm.

    Args:
        patches: of one image.
        channels: of one pixel.
    """
    hidden = size.hidden_size
    embeddings = (channels * patch_size**2 + 1) * hidden + hidden + (patches + 1) * hidden
    return embeddings + size.layers * count_block(size) + 2 * hidden


def count_resnet(size: ResNetSize, *, channels: int, small_images: bool) -> int:
    """Parameters of a ResNet without a head; the stem of small images is 3x3, else 7x7."""
    count = _convolution(channels, size.stem_width, 3 if small_images else 7)
    before = size.stem_width
    for stage, (depth, width) in enumerate(zip(size.depths, size.widths, strict=True)):
        for number in range(depth):
            inner = width if size.block == "basic" else width // 4
            if size.block == "basic":
                count += _convolution(before, inner, 3) + _convolution(inner, width, 3)
            else:
                count += _convolution(before, inner, 1) + _convolution(inner, inner, 3)
                count += _convolution(inner, width, 1)
            if before != width or (stage > 0 and number == 0):
                count += _convolution(before, width, 1)
            before = width
    return count


def _convolution(before: int, after: int, side: int) -> int:
    """Without a bias, and the batch norm behind it."""
    return before * after * side**2 + 2 * after


def _bert(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """With its masked language modelling head, whose decoder shares the embedding's matrix."""
    hidden = size.hidden_size
    embeddings = (vocabulary + positions + 2) * hidden + 2 * hidden  # two token types; a norm
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    return embeddings + size.layers * count_block(size) + head


def _gpt2(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """Its head is the embedding's matrix."""
    hidden = size.hidden_size
    return (vocabulary + positions) * hidden + size.layers * count_block(size) + 2 * hidden


def count_block(size: TransformerSize) -> int:
    """Attention and feed-forward with biases, and their two norms."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * intermediate + intermediate + hidden
    return attention + feed_forward + 4 * hidden
