"""What an audio job will weigh; see `core.spec.estimate` for what is counted and what is left out."""

import math

from core.spec.audio_parameters import count_masked_spectrogram, count_wav2vec2
from core.spec.model import TransformerSize
from core.tasks.masked_spectrogram.spec import MaskedSpectrogram
from core.tasks.wav2vec2.spec import Wav2Vec2

AudioTask = Wav2Vec2 | MaskedSpectrogram
_CONVOLUTION_BYTES = 12
"""A number out of a convolution is kept for it, for its norm and for its activation, in fp32."""


def audio_parameters(size: TransformerSize, task: AudioTask) -> int:
    """Trained numbers of the task's networks."""
    if isinstance(task, Wav2Vec2):
        return count_wav2vec2(size, task)
    return count_masked_spectrogram(size, task)


def audio_activations(
    size: TransformerSize, task: AudioTask, *, clips: int, samples: int, half: bool, on_cpu: bool
) -> int:
    """Bytes that one part of a batch adds at the end of its forward pass.

    Args:
        clips: recordings at once.
        samples: of each.
        half: whether it is computed in bf16.
        on_cpu: whether attention scores are materialised.
    """
    if isinstance(task, MaskedSpectrogram):
        patches = task.patches(samples)
        kept = max(1, round(patches * (1 - task.mask_ratio))) + 2
        width = task.decoder_width(size.hidden_size, size.heads)
        decoder = TransformerSize(
            layers=task.decoder_layers, hidden_size=width, heads=size.heads, intermediate_size=4 * width
        )
        whole = _blocks(decoder, clips, patches + 2, half=half, on_cpu=on_cpu)
        return _blocks(size, clips, kept, half=half, on_cpu=on_cpu) + whole
    encoder = task.feature_encoder
    channels = encoder.channels_for(size.hidden_size)
    length, numbers = samples, 0
    for kernel, stride in zip(encoder.kernels, encoder.strides, strict=True):
        length = max(1, (length - kernel) // stride + 1)
        numbers += length * channels
    masked = clips * min(length, math.ceil(length * task.mask_start_probability) * task.mask_length)
    choices = masked * (12 * task.codebooks * task.codewords + 8 * task.negatives)
    similarities = 4 * masked * masked // max(1, clips)
    convolutions = (_CONVOLUTION_BYTES // 2 if half else _CONVOLUTION_BYTES) * clips * numbers
    return convolutions + choices + similarities + _blocks(size, clips, length, half=half, on_cpu=on_cpu)


def _blocks(size: TransformerSize, sequences: int, tokens: int, *, half: bool, on_cpu: bool) -> int:
    hidden, intermediate = size.hidden_size, size.intermediate_size
    a_token = 18 * hidden + 4 * intermediate if half else 34 * hidden + 8 * intermediate
    if on_cpu:
        a_token += 9 * size.heads * tokens
    return size.layers * sequences * tokens * a_token
