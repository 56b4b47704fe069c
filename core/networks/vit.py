"""The vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929) from `transformers`."""

import torch
from transformers import ViTConfig
from transformers.models.vit.modeling_vit import ViTModel

from core.networks.dropout import use_cheap_dropout
from core.randomness import derive_seed
from core.spec.architectures.transformer import TransformerSize


def vit_config(
    size: TransformerSize, *, dropout: float, image_size: int, patch_size: int, channels: int
) -> ViTConfig:
    """The configuration of ``transformers`` for a network of ``size``.

    Args:
        image_size: Side of the square images, in pixels; a multiple of ``patch_size``.
    """
    return ViTConfig(
        architectures=["ViTModel"],
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
        dtype="float32",
    )


def create_vit(config: ViTConfig, seed: int) -> ViTModel:
    """A new network without a pooler, on the CPU. Its weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = ViTModel(config, add_pooling_layer=False)
    if config.hidden_dropout_prob or config.attention_probs_dropout_prob:
        use_cheap_dropout(model)
    return model
