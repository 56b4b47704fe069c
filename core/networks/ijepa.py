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
from core.spec.architectures.transformer import TransformerSize


def ijepa_config(
    size: TransformerSize, *, dropout: float, image_size: int, patch_size: int, channels: int
) -> IJepaConfig:
    """The configuration of ``transformers`` for an encoder of ``size``: a ViT without a class token.

    Args:
        image_size: Side of the square images, in pixels; a multiple of ``patch_size``.
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
    """A new encoder on the CPU with fixed positions. Its weights depend only on ``config`` and ``seed``."""
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
    """The encoder's output for some patches of each image. The other patches are hidden from it.

    Args:
        pixels: Normalised, shape (B, C, H, W).
        chosen: Numbers of the patches, shape (B, N).
        present: False where ``chosen`` is padding, to which no patch attends; shape (B, N).

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
    """The tokens (B, L, D) at the positions ``chosen``, (B, N): shape (B, N, D)."""
    return tokens.gather(1, chosen[:, :, None].expand(-1, -1, tokens.shape[2]))


class Predictor(nn.Module):
    """A narrow transformer that predicts the features of a hidden block from the features of the context.

    Args:
        width: Width of the features.
        size: Sizes of the predictor.
        side: Number of patches along a side of the image.
    """

    positions: Tensor

    def __init__(self, width: int, size: TransformerSize, side: int, *, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(width, size.hidden_size)
        self.mask_token = nn.Parameter(torch.empty(size.hidden_size))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        # The blocks are those of a ViT; the layers around them are the predictor's own.
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
            context: Features of the patches ``chosen``, shape (B, N, D).
            chosen: Shape (B, N).
            present: False where an entry of the context is padding, shape (B, N).
            targets: Numbers of the patches of each block to predict, shape (B, M, K).

        Returns:
            Shape (B, M, K, D). Each block is predicted independently: it attends only to the context and to its own positions.
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
