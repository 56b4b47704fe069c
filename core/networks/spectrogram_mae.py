"""The networks of the audio MAE (Huang et al. 2022, arXiv 2207.06405): an AST encoder, and a decoder.

The encoder gets the visible patches (a fifth of all), the decoder reconstructs the hidden ones.

The encoder is ``ASTModel`` (Gong et al. 2021, arXiv 2104.01778) of `transformers`, which opens there with a feature extractor for
audio; the ViTMAE of `transformers` takes only square images. Its blocks are those of a ViT.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import ASTConfig
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import (
    ASTLayer,
    ASTModel,
)

from core.networks.dropout import use_cheap_dropout
from core.randomness import derive_seed
from core.spec.architectures.ast import SPECIAL_TOKENS
from core.spec.architectures.transformer import TransformerSize

_STD = 0.02


def ast_config(
    size: TransformerSize, *, mel_bins: int, patch_size: int, frames: int, dropout: float
) -> ASTConfig:
    """The configuration of ``transformers`` for an encoder of ``size``.

    Args:
        mel_bins: Bands of the spectrograms; a multiple of the patch size.
        patch_size: Bands and frames on a patch's side.
        frames: Frames of every spectrogram; a multiple of the patch size.
    """
    return ASTConfig(
        architectures=["ASTModel"],
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        layer_norm_eps=1e-6,
        patch_size=patch_size,
        frequency_stride=patch_size,
        time_stride=patch_size,
        max_length=frames,
        num_mel_bins=mel_bins,
        dtype="float32",
    )


@dataclass(frozen=True, slots=True)
class Grid:
    """The patches of a spectrogram, numbered band by band: patch ``b * times + t``."""

    bands: int
    times: int
    side: int
    """Number of bands, and of frames, in one patch."""
    time_stride: int | None = None
    """Frames from the start of a patch to that of the next. Default: `side`. With another value a grid can be neither cut nor
    joined."""

    @property
    def patches(self) -> int:
        return self.bands * self.times

    def cut(self, spectrograms: Tensor) -> Tensor:
        """Split into patches: (B, frames, bins) to (B, patches, side²)."""
        blocks = spectrograms.reshape(-1, self.times, self.side, self.bands, self.side)
        return blocks.permute(0, 3, 1, 4, 2).reshape(-1, self.patches, self.side**2)

    def join(self, patches: Tensor) -> Tensor:
        """Join patches: (B, patches, side²) to (B, frames, bins)."""
        blocks = patches.reshape(-1, self.bands, self.times, self.side, self.side)
        return blocks.permute(0, 2, 4, 1, 3).reshape(-1, self.times * self.side, self.bands * self.side)


class Decoder(nn.Module):
    """Reconstructs the patches from the visible ones and a mask token for each hidden one."""

    positions: Tensor

    def __init__(self, encoder: ASTConfig, grid: Grid, *, width: int, layers: int) -> None:
        super().__init__()
        settings = {
            **encoder.to_dict(),
            "hidden_size": width,
            "num_hidden_layers": layers,
            "intermediate_size": 4 * width,
        }
        config = ASTConfig(**settings)
        config._attn_implementation = "sdpa"  # noqa: SLF001 - a single block has no public setting
        self.embed = nn.Linear(encoder.hidden_size, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.layers = nn.ModuleList(ASTLayer(config) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.predict = nn.Linear(width, grid.side**2)
        self.register_buffer("positions", _positions(grid, width), persistent=False)
        self.apply(_initialize)
        nn.init.normal_(self.mask_token, std=_STD)

    def forward(self, tokens: Tensor, ranks: Tensor) -> Tensor:
        """The reconstructed patches, shape (B, N, side²).

        Args:
            tokens: The encoder's output, shape (B, 2 + K, hidden).
            ranks: The rank of every patch, shape (B, N): 0 … K - 1 for the visible ones.
        """
        tokens = self.embed(tokens)
        special, visible = tokens[:, :SPECIAL_TOKENS], tokens[:, SPECIAL_TOKENS:]
        hidden = self.mask_token.to(tokens.dtype).expand(len(tokens), ranks.shape[1] - visible.shape[1], -1)
        patches = torch.cat([visible, hidden], dim=1)
        patches = patches.gather(1, ranks[..., None].expand(-1, -1, patches.shape[2]))
        x = torch.cat([special, patches], dim=1) + self.positions.to(tokens.dtype)
        for layer in self.layers:
            x = layer(x)
        predicted: Tensor = self.predict(self.norm(x))[:, SPECIAL_TOKENS:]
        return predicted


def create_encoder(config: ASTConfig, grid: Grid, seed: int) -> ASTModel:
    """A new AST on the CPU, with fixed sines and cosines as positions. Its weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = ASTModel(config)
        initialize_ast(model, grid)
    if config.hidden_dropout_prob or config.attention_probs_dropout_prob:
        use_cheap_dropout(model)
    return model


def initialize_ast(model: ASTModel, grid: Grid) -> None:
    """Initialise the special tokens and the patch embedding as the audio MAE does, and fix the positions."""
    embeddings = model.embeddings
    with torch.no_grad():
        nn.init.normal_(embeddings.cls_token, std=_STD)
        nn.init.normal_(embeddings.distillation_token, std=_STD)
        weight = embeddings.patch_embeddings.projection.weight
        nn.init.xavier_uniform_(weight.view(len(weight), -1))
        embeddings.position_embeddings.copy_(_positions(grid, model.config.hidden_size))
    embeddings.position_embeddings.requires_grad_(False)


def create_decoder(config: ASTConfig, grid: Grid, *, width: int, layers: int, seed: int) -> Decoder:
    """A new decoder on the CPU. Its weights depend only on these arguments."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "decoder's initialisation"))
        return Decoder(config, grid, width=width, layers=layers)


def encode_visible(model: ASTModel, spectrograms: Tensor, visible: Tensor) -> Tensor:
    """The encoder's output for some patches only.

    Args:
        spectrograms: Normalised, shape (B, frames, bins).
        visible: Numbers of the patches, shape (B, K).

    Returns:
        Shape (B, 2 + K, hidden): the class and distillation tokens, then the patches in the order of ``visible``.
    """
    embeddings = model.embeddings
    patches = embeddings.patch_embeddings(spectrograms)
    positions = embeddings.position_embeddings.to(patches.dtype)
    patches = patches + positions[:, SPECIAL_TOKENS:]
    patches = patches.gather(1, visible[..., None].expand(-1, -1, patches.shape[2]))
    special = torch.cat([embeddings.cls_token, embeddings.distillation_token], dim=1).to(patches.dtype)
    special = (special + positions[:, :SPECIAL_TOKENS]).expand(len(patches), -1, -1)
    x = embeddings.dropout(torch.cat([special, patches], dim=1))
    for layer in model.layers:
        x = layer(x)
    tokens: Tensor = model.layernorm(x)
    return tokens


def _positions(grid: Grid, width: int) -> Tensor:
    """Sines and cosines of band and time, half of the numbers each, shape (1, 2 + patches, width); 0 for the two tokens."""
    quarter = width // 4
    speeds = 10_000.0 ** -(np.arange(quarter) / max(1, quarter))
    band = np.repeat(np.arange(grid.bands), grid.times)[:, None] * speeds
    time = np.tile(np.arange(grid.times), grid.bands)[:, None] * speeds
    waves: NDArray[np.float64] = np.concatenate(
        [np.sin(band), np.cos(band), np.sin(time), np.cos(time)], axis=1
    )
    table = np.zeros((SPECIAL_TOKENS + grid.patches, width))
    table[SPECIAL_TOKENS:, : waves.shape[1]] = waves
    return torch.from_numpy(table).float()[None]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
