"""Augmentation of the discriminator's input (ADA: Karras et al. 2020, arXiv 2006.06676, appendix B).

Each transformation happens with the same probability p, below 1, so that the generator does not learn to make augmented
images. All transformations are differentiable, and consist of matrix products: where the axes are only flipped, turned by
quarters, scaled and shifted, resampling separates into one matrix for the rows and one for the columns. Their gradients are
bit-identical each time on every device, which those of ``grid_sample`` are not. (The paper also rotates by arbitrary angles,
which does not separate, and is left out. So are its filters and noise, which its best setting does not use either.)
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.randomness import derive_seed, normals, uniforms

_CHANCES, _UNIFORMS, _NORMALS = 11, 6, 7
DRAWN = _CHANCES + _UNIFORMS + _NORMALS
"""Random numbers for each image."""

_SHIFT = 0.125
_SCALE = 0.2 * math.log(2)
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.2, 0.5 * math.log(2), math.log(2)


def draw(key: int, samples: NDArray[np.int64]) -> Tensor:
    """The random numbers for each image's augmentation, shape (B, DRAWN): a function of (key, sample)."""
    flat = uniforms(key, samples, _CHANCES + _UNIFORMS, streams=1)[0].astype(np.float32)
    bell = normals(derive_seed(key, "normals"), samples, _NORMALS)
    return torch.from_numpy(np.concatenate([flat, bell], axis=1))


def augment(images: Tensor, drawn: Tensor, probability: Tensor) -> Tensor:
    """Images in -1 … 1, shape (B, C, S, S), each transformed by its own random numbers.

    Args:
        drawn: The result of `draw`, shape (B, DRAWN).
        probability: p, a scalar. At 0 nothing changes, except for rounding.
    """
    chance, flat, bell = torch.split(drawn, [_CHANCES, _UNIFORMS, _NORMALS], dim=1)
    happens = (chance < probability).to(images.dtype)
    moved = _move(images, happens[:, :6], flat[:, :4], bell[:, :4])
    return _recolour(moved, happens[:, 6:], flat[:, 4:], bell[:, 4:])


def _move(images: Tensor, happens: Tensor, flat: Tensor, bell: Tensor) -> Tensor:
    """Flip, quarter turn, shift by whole pixels, scaling of both axes, scaling of one against the other, shift by fractions of pixels."""
    side = images.shape[-1]
    flips, turns, shifts, scales, stretches, slides = happens.unbind(dim=1)
    flipped = flips * (flat[:, 0] < 0.5)
    quarters = (turns * (flat[:, 1] * 4).floor()).long()
    # A quarter turn is a transposition and a flip; flips become signs of the axes.
    images = torch.where((quarters % 2 == 1)[:, None, None, None], images.transpose(2, 3), images)
    upside_down = (quarters == 1) | (quarters == 2)
    mirrored = (quarters == 2) | (quarters == 3)
    sign_y = 1.0 - 2.0 * upside_down
    sign_x = (1.0 - 2.0 * mirrored) * (1.0 - 2.0 * flipped)
    whole = ((flat[:, 2:4] * 2 - 1) * _SHIFT * side).round() * shifts[:, None]
    broken = bell[:, 2:4] * _SHIFT * side * slides[:, None]
    shift_y, shift_x = (whole + broken).unbind(dim=1)
    both, stretch = bell[:, 0] * _SCALE * scales, bell[:, 1] * _SCALE * stretches
    rows = _resampling(sign_y * torch.exp(both - stretch), shift_y, side)
    columns = _resampling(sign_x * torch.exp(both + stretch), shift_x, side)
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _resampling(scale: Tensor, shift: Tensor, side: int) -> Tensor:
    """Matrices (B, S, S) that scale an axis about its centre, then shift it: linear between pixels, mirrored at the border."""
    places = torch.arange(side, dtype=scale.dtype, device=scale.device)
    middle = (side - 1) / 2
    sources = (places - middle - shift[:, None]) / scale[:, None] + middle
    if side > 1:
        # A triangle wave: 0 … side - 1 … 0, without repeating the edge.
        period = 2.0 * (side - 1)
        sources = (side - 1) - (torch.remainder(sources, period) - (side - 1)).abs()
    else:
        sources = torch.zeros_like(sources)
    return (1 - (sources[:, :, None] - places).abs()).clamp(min=0)


def _recolour(images: Tensor, happens: Tensor, flat: Tensor, bell: Tensor) -> Tensor:
    """Brightness, contrast, inversion of luma, hue, saturation; for grey images the first three."""
    brighter, contrasts, inverts, hues, saturates = happens.unbind(dim=1)
    brightness = bell[:, 0] * _BRIGHTNESS * brighter
    contrast = torch.exp(bell[:, 1] * _CONTRAST * contrasts)
    inverted = 1.0 - 2.0 * inverts * (flat[:, 0] < 0.5)
    base = brightness * contrast
    if images.shape[1] == 1:
        return images * (contrast * inverted)[:, None, None, None] + (base * inverted)[:, None, None, None]
    # The grey axis (1, 1, 1) / √3 is luma, the plane across it is colour: a rotation of that plane is hue, a scaling saturation.
    angle = (flat[:, 1] * 2 - 1) * math.pi * hues
    stretch = torch.exp(bell[:, 2] * _SATURATION * saturates)
    along = torch.full((3, 3), 1 / 3, dtype=images.dtype, device=images.device)
    across = torch.eye(3, dtype=images.dtype, device=images.device) - along
    third = 1 / math.sqrt(3)
    turned = torch.tensor(
        [[0, -third, third], [third, 0, -third], [-third, third, 0]], dtype=images.dtype, device=images.device
    )
    colour = stretch[:, None, None] * (
        angle.cos()[:, None, None] * across + angle.sin()[:, None, None] * turned
    )
    matrix = contrast[:, None, None] * (inverted[:, None, None] * along + colour)
    offset = (base * inverted)[:, None, None, None]
    return torch.einsum("boc,bchw->bohw", matrix, images) + offset
