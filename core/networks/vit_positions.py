"""Resizes the positions of a ViT for images of another size. The gradient has the same bits each time on every device."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.models.vit.modeling_vit import ViTModel

from core.networks.vision import Pooling, features


def use_resized_positions(model: PreTrainedModel) -> None:
    """Have a ViT take images of several sizes (``interpolate_pos_encoding=True``) by a matrix product.

    `transformers` uses ``interpolate(mode="bicubic")``, whose gradient is summed in no fixed order on CUDA. Resizing is linear, so
    here it is one fixed matrix for each size. The values are the same except for rounding.
    """
    if not isinstance(model, ViTModel):
        return
    embeddings: Any = model.embeddings
    matrices: dict[tuple[int, int, torch.device], Tensor] = {}

    def resized(_: Tensor, height: int, width: int) -> Tensor:
        positions: Tensor = embeddings.position_embeddings
        before = int((positions.shape[1] - 1) ** 0.5)
        after = (height // embeddings.patch_size, width // embeddings.patch_size)
        if after == (before, before):
            return positions
        key = (*after, positions.device)
        if key not in matrices:
            matrices[key] = _resizing(before, after).to(positions.device)
        return torch.cat([positions[:, :1], matrices[key] @ positions[:, 1:]], dim=1)

    embeddings.interpolate_pos_encoding = resized


def _resizing(before: int, after: tuple[int, int]) -> Tensor:
    """The matrix of bicubic resizing, shape (after, before) of the flattened grids: the result for each position alone."""
    with torch.no_grad():
        alone = torch.eye(before**2).view(before**2, 1, before, before)
        return functional.interpolate(alone, size=after, mode="bicubic", align_corners=False).flatten(1).T


def crop_features(model: PreTrainedModel, pixels: Tensor, pooling: Pooling) -> Tensor:
    """`features` of images of any size. A ViT must have been prepared by `use_resized_positions`."""
    if not isinstance(model, ViTModel):
        return features(model, pixels, pooling)
    tokens: Tensor = model(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state
    return tokens[:, 1:].mean(dim=1) if pooling == "mean" else tokens[:, 0]
