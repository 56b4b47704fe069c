"""How many numbers a network has, counted without building it."""

from core.spec.job import JobSpec
from core.spec.model import Architecture, ResNetSize, TransformerSize
from core.tasks.masked_lm.spec import MaskedLanguageModeling
from core.tasks.text_denoising_autoencoder.spec import TextDenoisingAutoencoder

_T5_BUCKETS = 32
"""Relative distances that T5 tells apart."""

_LEARNED_POSITIONS: frozenset[Architecture] = frozenset({"bert", "gpt2"})
"""Language models that have a vector for each position."""


def count_parameters(
    architecture: Architecture, size: TransformerSize, *, vocabulary_size: int, positions: int
) -> int:
    """Parameters of a language model with its pretraining head; weights that are shared count once."""
    count = {"bert": _bert, "gpt2": _gpt2, "llama": _llama, "modernbert": _modernbert, "t5": _t5}[
        architecture
    ]
    return count(size, vocabulary_size, positions)


def learned_positions(spec: JobSpec) -> int | None:
    """Positions that the weights are made for; None where any number will do."""
    return spec.training.sequence_length if spec.architecture in _LEARNED_POSITIONS else None


def task_weights(spec: JobSpec) -> tuple[bool, int]:
    """What a text task adds to the weights: whether there is a predictor of features, and how many sentinels."""
    task = spec.task
    return (
        isinstance(task, MaskedLanguageModeling) and task.feature_reconstruction is not None,
        task.sentinels(spec.training.sequence_length) if isinstance(task, TextDenoisingAutoencoder) else 0,
    )


def feature_predictor(hidden_size: int) -> int:
    """Parameters of the head that reconstructs features: two layers with biases, twice as wide between them."""
    return 2 * (2 * hidden_size * hidden_size) + 3 * hidden_size


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


def _llama(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Its head is the embedding's matrix; positions are rotations."""
    hidden = size.hidden_size
    return vocabulary * hidden + size.layers * (_gated_block(size) + 2 * hidden) + hidden


def _modernbert(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Norms without biases; the first layer has none before its attention, where the embeddings' own stands."""
    hidden = size.hidden_size
    blocks = size.layers * (_gated_block(size) + 2 * hidden) - hidden
    head = hidden * hidden + hidden + vocabulary
    return vocabulary * hidden + hidden + blocks + hidden + head


def _t5(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Encoder and decoder; the decoder's blocks have a second attention, to the encoder, with a norm."""
    hidden = size.hidden_size
    encoder = _gated_block(size) + 2 * hidden
    decoder = encoder + 4 * hidden * hidden + hidden
    ends = 2 * (hidden + _T5_BUCKETS * size.heads)
    return vocabulary * hidden + size.layers * (encoder + decoder) + ends


def count_block(size: TransformerSize) -> int:
    """Attention and feed-forward with biases, and their two norms."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * intermediate + intermediate + hidden
    return attention + feed_forward + 4 * hidden


def _gated_block(size: TransformerSize) -> int:
    """Attention and gated feed-forward without biases; norms not counted."""
    hidden = size.hidden_size
    return 4 * hidden * hidden + 3 * hidden * size.intermediate_size
