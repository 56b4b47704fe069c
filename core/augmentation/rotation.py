"""Rotations: exact quarter turns, and rotations by any angle."""

import torch
from torch import Tensor
from torch.nn import functional


def quarter_turns(images: Tensor, turns: Tensor) -> Tensor:
    """Each image rotated counterclockwise by ``turns`` (0 … 3) quarter turns.

    Args:
        images: Square, shape (B, C, S, S).
        turns: Integers, shape (B,).
    """
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"quarter turns need square images, not {tuple(images.shape[2:])}")
    chosen = turns[:, None, None, None]
    upright = torch.where(chosen == 2, images.flip(2, 3), images)
    on_side = torch.where(chosen == 3, images.flip(2), images.flip(3)).transpose(2, 3)
    return torch.where(chosen % 2 == 1, on_side, upright)


def rotate(images: Tensor, rotation: Tensor) -> Tensor:
    """Each image rotated about its centre, by bilinear interpolation. The border is mirrored.

    Args:
        images: Shape (B, C, H, W).
        rotation: Cosine and sine of the counterclockwise angle, shape (B, 2).
    """
    height, width = images.shape[2:]
    cos, sin = rotation[:, 0], rotation[:, 1]
    zero = torch.zeros_like(cos)
    # The coordinates of grid_sample run from -1 to 1 along each side, whatever its length.
    theta = torch.stack(
        [
            torch.stack([cos, -sin * height / width, zero], 1),
            torch.stack([sin * width / height, cos, zero], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
