"""wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477) from `transformers`, with the computations that its pretraining needs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import (
    Wav2Vec2ForPreTraining,
    Wav2Vec2GumbelVectorQuantizer,
    Wav2Vec2Model,
)

from core.networks.dropout import use_cheap_dropout
from core.randomness import derive_seed
from core.spec.architectures.transformer import TransformerSize
from core.spec.architectures.wav2vec2 import FeatureEncoder, position_groups


def wav2vec2_config(
    size: TransformerSize, encoder: FeatureEncoder, *, position_kernel: int, dropout: float, **heads: Any
) -> Wav2Vec2Config:
    """The configuration of ``transformers`` for a network of ``size``.

    LayerDrop is off: a layer that is dropped in the first steps would have no optimiser state to save.

    Args:
        encoder: The convolutions.
        position_kernel: Frames that the convolution over positions spans.
        heads: Settings of ``Wav2Vec2Config`` for what is built around the encoder.
    """
    is_layer = encoder.normalization == "layer"
    convolutions = len(encoder.kernels)
    return Wav2Vec2Config(
        architectures=["Wav2Vec2ForPreTraining"],
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        hidden_dropout=dropout,
        activation_dropout=dropout,
        attention_dropout=dropout,
        feat_quantizer_dropout=0.0,
        layerdrop=0.0,
        feat_extract_norm=encoder.normalization,
        do_stable_layer_norm=is_layer,
        conv_bias=is_layer,
        conv_dim=[encoder.channels_for(size.hidden_size)] * convolutions,
        conv_kernel=list(encoder.kernels),
        conv_stride=list(encoder.strides),
        num_conv_pos_embeddings=position_kernel,
        num_conv_pos_embedding_groups=position_groups(size.hidden_size),
        dtype="float32",
        **heads,
    )


def create_wav2vec2(config: Wav2Vec2Config, seed: int) -> Wav2Vec2ForPreTraining:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = Wav2Vec2ForPreTraining(config)
    # It would require a gradient of the waveform itself, which only activation checkpointing needs.
    model.wav2vec2.feature_extractor._requires_grad = False  # noqa: SLF001 - there is no public setting
    use_cheap_dropout(model, makes_masks=True)
    return model


MASK_TOKEN = "masked_spec_embed"  # noqa: S105 - no password
"""The vector in place of masked frames. A network whose settings mask nothing has none."""


def freeze_mask_token(network: Wav2Vec2Model) -> None:
    """Do not train the vector in place of masked frames, if the network has it."""
    token: Any = getattr(network, MASK_TOKEN, None)
    if token is not None:
        token.requires_grad_(False)


def standardize(waves: Tensor, lengths: Tensor) -> Tensor:
    """Recordings (B, L) with mean 0 and variance 1 over their own ``lengths`` (B,), and zeros after them: the values of
    ``Wav2Vec2FeatureExtractor``."""
    within = torch.arange(waves.shape[1], device=waves.device) < lengths[:, None]
    count = lengths[:, None].to(waves.dtype)
    centred = (waves - (waves * within).sum(dim=1, keepdim=True) / count) * within
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / (variance + 1e-7).sqrt()


def encode_frames(
    model: Wav2Vec2Model,
    waves: Tensor,
    frames: Tensor,
    masked: Tensor | None = None,
    silenced: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The outputs of the transformer and of the feature encoder for recordings.

    Args:
        waves: Standardised, shape (B, L).
        frames: How many of the T frames of each recording are not padding, shape (B,).
        masked: Which frames are hidden from the transformer, bool (B, T).
        silenced: Which of the transformer's input features are 0 in all frames, bool (B, hidden).

    Returns:
        Shapes (B, T, hidden) and (B, T, channels), the latter normalised and not masked.
    """
    hidden, features = model.feature_projection(model.feature_extractor(waves).transpose(1, 2))
    if masked is not None:
        hidden = torch.where(masked[..., None], model.masked_spec_embed.to(hidden.dtype), hidden)
    if silenced is not None:
        hidden = hidden.masked_fill(silenced[:, None], 0.0)
    within = torch.arange(hidden.shape[1], device=waves.device) < frames[:, None]
    return model.encoder(hidden, attention_mask=within).last_hidden_state, features


@dataclass(frozen=True, slots=True)
class Quantized:
    """Codewords chosen for N frames, one from each of G codebooks with V entries."""

    words: Tensor
    """The codewords of a frame concatenated, shape (N, G * codeword size), with gradient."""
    codes: Tensor
    """Indices of the codewords, shape (N, G)."""
    shares: Tensor
    """Probability of each entry before noise, shape (N, G, V), fp32, with gradient."""


def quantize(
    quantizer: Wav2Vec2GumbelVectorQuantizer, features: Tensor, temperature: float | None
) -> Quantized:
    """Codewords for frames of shape (N, channels).

    With a temperature, a codeword is drawn with Gumbel noise, and the gradient is that of the softmax (Jang et al. 2016,
    arXiv 1611.01144). Without, it is the most probable one. The result is that of ``quantizer.forward``, which copies all
    codewords for each frame.
    """
    groups, words = quantizer.num_groups, quantizer.num_vars
    scores = quantizer.weight_proj(features).float().view(-1, groups, words)
    if temperature is None:
        codes = scores.argmax(dim=-1)
        chosen = functional.one_hot(codes, words).to(scores.dtype)
    else:
        chosen = functional.gumbel_softmax(scores, tau=temperature, hard=True)
        codes = chosen.argmax(dim=-1)
    table = quantizer.codevectors.view(groups, words, -1)
    vectors = torch.einsum("ngv,gvd->ngd", chosen, table.to(chosen.dtype)).flatten(1)
    return Quantized(vectors, codes, scores.softmax(dim=-1))
