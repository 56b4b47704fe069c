"""How many numbers an audio task's networks have, counted without building them."""

import math

from core.spec.model import TransformerSize
from core.spec.parameters import count_block
from core.tasks.masked_spectrogram.spec import MaskedSpectrogram
from core.tasks.wav2vec2.spec import Wav2Vec2

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
    blocks = size.layers * count_block(size) + 2 * hidden
    return convolutions + projection + hidden + positions + blocks + quantizer + heads


def count_masked_spectrogram(size: TransformerSize, task: MaskedSpectrogram) -> int:
    """Trained parameters of the audio MAE, encoder and decoder; positions are fixed and not among them."""
    hidden, pixels = size.hidden_size, task.patch_size**2
    width = task.decoder_width(hidden, size.heads)
    decoder_size = TransformerSize(
        layers=task.decoder_layers, hidden_size=width, heads=size.heads, intermediate_size=4 * width
    )
    encoder = 2 * hidden + (pixels + 1) * hidden + size.layers * count_block(size) + 2 * hidden
    decoder = (hidden + 1) * width + width + task.decoder_layers * count_block(decoder_size) + 2 * width
    return encoder + decoder + (width + 1) * pixels
