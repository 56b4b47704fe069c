"""How many numbers a network has, counted without building it."""

import math

from core.spec.model import Architecture, TransformerSize
from core.spec.tasks import MaskedSpectrogram, Wav2Vec2


def count_parameters(
    architecture: Architecture, size: TransformerSize, *, vocabulary_size: int, positions: int
) -> int:
    """Parameters of a network with its pretraining head; weights that are shared count once."""
    count = {"bert": _bert, "gpt2": _gpt2}[architecture]
    return count(size, vocabulary_size, positions)


def _bert(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """With its masked language modelling head, whose decoder shares the embedding's matrix."""
    hidden = size.hidden_size
    embeddings = (vocabulary + positions + 2) * hidden + 2 * hidden  # two token types; a norm
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    return embeddings + size.layers * _block(size) + head


def _gpt2(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """Its head is the embedding's matrix."""
    hidden = size.hidden_size
    return (vocabulary + positions) * hidden + size.layers * _block(size) + 2 * hidden


def _block(size: TransformerSize) -> int:
    """Attention and feed-forward with biases, and their two norms."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * intermediate + intermediate + hidden
    return attention + feed_forward + 4 * hidden


POSITION_GROUPS = 16
"""Groups of wav2vec 2.0's convolution over positions, where the width allows so many."""


def position_groups(hidden_size: int) -> int:
    """Groups of the convolution over positions in a network of that width."""
    return math.gcd(POSITION_GROUPS, hidden_size)


def count_wav2vec2(size: TransformerSize, task: Wav2Vec2) -> int:
    """Parameters of wav2vec 2.0 with its quantizer and projections."""
    hidden = size.hidden_size
    encoder = task.feature_encoder
    channels = encoder.channels_for(hidden)
    is_layer = encoder.normalization == "layer"
    convolutions = 0 if is_layer else 2 * channels  # one group norm behind the first
    for number, kernel in enumerate(encoder.kernels):
        convolutions += (channels if number else 1) * channels * kernel
        convolutions += 3 * channels if is_layer else 0  # a bias and a norm
    projection = 2 * channels + channels * hidden + hidden
    positions = (
        hidden * (hidden // position_groups(hidden)) * task.position_kernel + task.position_kernel + hidden
    )
    words = task.codebooks * task.codewords
    quantizer = channels * words + words + words * task.codeword_size
    heads = (hidden + task.codebooks * task.codeword_size + 2) * task.projection_size
    blocks = size.layers * _block(size) + 2 * hidden
    return convolutions + projection + hidden + positions + blocks + quantizer + heads


def count_masked_spectrogram(size: TransformerSize, task: MaskedSpectrogram) -> int:
    """Trained parameters of the audio MAE, encoder and decoder; positions are fixed and not among them."""
    hidden, pixels = size.hidden_size, task.patch_size**2
    width = task.decoder_width(hidden, size.heads)
    decoder_size = TransformerSize(
        layers=task.decoder_layers, hidden_size=width, heads=size.heads, intermediate_size=4 * width
    )
    encoder = 2 * hidden + (pixels + 1) * hidden + size.layers * _block(size) + 2 * hidden
    decoder = (hidden + 1) * width + width + task.decoder_layers * _block(decoder_size) + 2 * width
    return encoder + decoder + (width + 1) * pixels
