"""The masked autoencoder (He et al. 2021, arXiv 2111.06377) from `transformers`, and the ViT inside it."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEForPreTraining, ViTMAEModel

from core.networks.dropout import use_cheap_dropout
from core.networks.positions import sine_positions
from core.randomness import derive_seed
from core.spec.architectures.transformer import TransformerSize

# Fields that a `ViTMAEConfig` and the `ViTConfig` of its encoder have in common.
_SHARED = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "initializer_range",
    "layer_norm_eps",
    "image_size",
    "patch_size",
    "num_channels",
    "qkv_bias",
    "dtype",
)


DECODER_SETTINGS = (
    "decoder_hidden_size",
    "decoder_num_hidden_layers",
    "decoder_num_attention_heads",
    "decoder_intermediate_size",
    "mask_ratio",
    "norm_pix_loss",
)
"""Settings of a `ViTMAEConfig` that the task decides."""


def vit_mae_config(
    size: TransformerSize,
    decoder: TransformerSize,
    *,
    mask_ratio: float,
    normalize_patches: bool,
    dropout: float,
    image_size: int,
    patch_size: int,
    channels: int,
) -> ViTMAEConfig:
    """The configuration of ``transformers`` for encoder and decoder.

    Args:
        image_size: Side of the square images, in pixels; a multiple of ``patch_size``.
    """
    return ViTMAEConfig(
        architectures=["ViTMAEForPreTraining"],
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        layer_norm_eps=1e-6,
        image_size=image_size,
        patch_size=patch_size,
        num_channels=channels,
        decoder_hidden_size=decoder.hidden_size,
        decoder_num_hidden_layers=decoder.layers,
        decoder_num_attention_heads=decoder.heads,
        decoder_intermediate_size=decoder.intermediate_size,
        mask_ratio=mask_ratio,
        norm_pix_loss=normalize_patches,
        dtype="float32",
    )


def create_vit_mae(config: ViTMAEConfig, seed: int) -> ViTMAEForPreTraining:
    """New networks on the CPU. Their weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = ViTMAEForPreTraining(config)
        _initialize(model)
    if config.hidden_dropout_prob or config.attention_probs_dropout_prob:
        use_cheap_dropout(model)
    return model


@torch.no_grad()
def _initialize(model: ViTMAEForPreTraining) -> None:
    """The paper's initialisation: fixed sines as positions, the patch embedding as a linear layer, random tokens.

    `transformers` 5 skips its own initialisation of these, and leaves all positions, the class token and the mask token at zero:
    the projection inside its embeddings is initialised, so that it takes the embeddings for done, and its decoder is reset.
    """
    config, embeddings, decoder = model.config, model.vit.embeddings, model.decoder
    assert isinstance(config.image_size, int)
    assert isinstance(config.patch_size, int)
    side = config.image_size // config.patch_size
    for positions in (embeddings.position_embeddings, decoder.decoder_pos_embed):
        positions.zero_()
        positions[0, 1:] = sine_positions(side, positions.shape[-1])
        positions.requires_grad_(False)
    projection = embeddings.patch_embeddings.projection.weight
    nn.init.xavier_uniform_(projection.view(len(projection), -1))
    for token in (embeddings.cls_token, decoder.mask_token):
        nn.init.normal_(token, std=config.initializer_range)


def encoder_config(config: ViTMAEConfig) -> ViTConfig:
    """The configuration of a ViT with the encoder's weights."""
    return ViTConfig(architectures=["ViTModel"], **{name: getattr(config, name) for name in _SHARED})


def encode_whole(encoder: ViTMAEModel, pixels: Tensor) -> Tensor:
    """The encoder's output for images without hidden patches: the output of a ViT, which ``forward`` does not compute.

    Args:
        pixels: Normalised, shape (B, C, H, W).

    Returns:
        Tokens, the class token first, shape (B, 1 + patches, D).
    """
    embeddings: Any = encoder.embeddings
    patches = embeddings.patch_embeddings(pixels)
    first = embeddings.cls_token.expand(len(pixels), -1, -1)
    hidden: Tensor = torch.cat([first, patches], dim=1) + embeddings.position_embeddings
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    normed: Tensor = encoder.layernorm(hidden)
    return normed
