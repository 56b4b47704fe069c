"""The networks of I-JEPA (Assran et al. 2023, arXiv 2301.08243): an encoder from `transformers`, and the predictor."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import IJepaConfig, ViTConfig
from transformers.models.ijepa.modeling_ijepa import IJepaModel
from transformers.models.vit.modeling_vit import ViTModel

from core.networks.dropout import use_cheap_dropout
from core.networks.positions import sine_positions
from core.randomness import derive_seed
from core.spec.model import TransformerSize


def ijepa_config(
    size: TransformerSize, *, dropout: float, image_size: int, patch_size: int, channels: int
) -> IJepaConfig:
    """The configuration that ``transformers`` builds an encoder of ``size`` from: a ViT without a class token.

    Args:
        image_size: side of the square images, in pixels; a multiple of ``patch_size``.
    """
    return IJepaConfig(
        architectures=["IJepaModel"],
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


def create_ijepa(config: IJepaConfig, seed: int) -> IJepaModel:
    """A fresh encoder on the CPU, its positions fixed; a function of ``config`` and ``seed`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = IJepaModel(config)
    positions = model.embeddings.position_embeddings
    assert isinstance(config.image_size, int)
    assert isinstance(config.patch_size, int)
    positions.data.copy_(sine_positions(config.image_size // config.patch_size, config.hidden_size))
    positions.requires_grad_(False)
    if config.hidden_dropout_prob:
        use_cheap_dropout(model)
    return model


def encode_patches(model: IJepaModel, pixels: Tensor, chosen: Tensor, present: Tensor) -> Tensor:
    """What the encoder makes of some patches of each image, the others unseen.

    Args:
        pixels: normalised, shape (B, C, H, W).
        chosen: which patches, shape (B, N).
        present: false where ``chosen`` is only filling, which no patch attends to; shape (B, N).

    Returns:
        Shape (B, N, D).
    """
    embedded: Any = model.embeddings(pixels)
    hidden: Tensor = take(embedded, chosen)
    for layer in model.layers:
        hidden = layer(hidden, present[:, None, None, :])
    normed: Tensor = model.layernorm(hidden)
    return normed


def take(tokens: Tensor, chosen: Tensor) -> Tensor:
    """Tokens (B, L, D) at the places ``chosen``, (B, N): shape (B, N, D)."""
    return tokens.gather(1, chosen[:, :, None].expand(-1, -1, tokens.shape[2]))


class Predictor(nn.Module):
    """A narrow transformer from a context's features to those of a hidden block.

    Args:
        width: of the features.
        size: its own sizes.
        side: patches on a side of the image.
    """

    positions: Tensor

    def __init__(self, width: int, size: TransformerSize, side: int, *, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(width, size.hidden_size)
        self.mask_token = nn.Parameter(torch.empty(size.hidden_size))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        # The blocks of a ViT; what is around them is its own.
        blocks = ViTModel(
            ViTConfig(
                hidden_size=size.hidden_size,
                num_hidden_layers=size.layers,
                num_attention_heads=size.heads,
                intermediate_size=size.intermediate_size,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
                layer_norm_eps=1e-6,
                image_size=1,
                patch_size=1,
            ),
            add_pooling_layer=False,
        )
        if dropout:
            use_cheap_dropout(blocks)
        self.layers = blocks.layers
        self.norm = blocks.layernorm
        self.project = nn.Linear(size.hidden_size, width)
        self.register_buffer("positions", sine_positions(side, size.hidden_size), persistent=False)

    def forward(self, context: Tensor, chosen: Tensor, present: Tensor, targets: Tensor) -> Tensor:
        """Predicted features of ``targets``.

        Args:
            context: features of the patches ``chosen``, shape (B, N, D).
            chosen: shape (B, N).
            present: false where a place of the context is only filling, shape (B, N).
            targets: the patches of each block to predict, shape (B, M, K).

        Returns:
            Shape (B, M, K, D). Each block is predicted by itself: it sees the context and its own places alone.
        """
        batch, blocks, places = targets.shape
        seen = self.embed(context) + self.positions[chosen]
        asked = self.mask_token + self.positions[targets.flatten(0, 1)]
        hidden = torch.cat([seen.repeat_interleave(blocks, dim=0), asked.to(seen.dtype)], dim=1)
        keys = torch.cat([present, present.new_ones(batch, places)], dim=1).repeat_interleave(blocks, dim=0)
        for layer in self.layers:
            hidden = layer(hidden, keys[:, None, None, :])
        predicted: Tensor = self.project(self.norm(hidden[:, -places:]))
        return predicted.view(batch, blocks, places, -1)
