"""Colour transformations of images with values 0 … 1: shape (B, 3, H, W), or (B, 1, H, W) for grey images."""

import torch
from torch import Tensor

_FIXED = 1 << 16


def gray(images: Tensor) -> Tensor:
    """Luma by ITU-R 601-2, shape (B, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]


def mean_gray(images: Tensor) -> Tensor:
    """Mean luma of each image, shape (B, 1, 1, 1).

    Summed as integers: their sum does not depend on the order of summation, which changes with the batch size.
    """
    fixed = (gray(images) * _FIXED).to(torch.int32).flatten(1)
    return (fixed.sum(1).float() / (_FIXED * fixed.shape[1]))[:, None, None, None]


def brighten(images: Tensor, factor: Tensor) -> Tensor:
    """Values times ``factor``, shape (B, 1, 1, 1), clipped to 0 … 1."""
    return (images * factor).clamp(0.0, 1.0)


def change_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """The difference from the image's mean luma, scaled by ``factor``, (B, 1, 1, 1)."""
    return (images * factor + mean_gray(images) * (1.0 - factor)).clamp(0.0, 1.0)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """The difference from each pixel's luma, scaled by ``factor``, (B, 1, 1, 1)."""
    return (images * factor + gray(images) * (1.0 - factor)).clamp(0.0, 1.0)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """The hue shifted by ``turn``, (B, 1, 1), in turns of the colour wheel. Value and saturation do not change."""
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    divisor = torch.where(chroma == 0.0, 1.0, chroma)
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, (blue - red) / divisor + 2.0, (red - green) / divisor + 4.0),
    )
    hue = hue + 6.0 * turn
    channels = []
    for offset in (5.0, 3.0, 1.0):
        place = hue + offset
        place = place - 6.0 * torch.floor(place / 6.0)
        channels.append(value - chroma * torch.minimum(place, 4.0 - place).clamp(0.0, 1.0))
    return torch.stack(channels, 1)


def jitter(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, in this order, changed by ``factors``, (B, 4). For grey images the first two."""
    by = factors[:, :, None, None, None]
    images = change_contrast(brighten(images, by[:, 0]), by[:, 1])
    if images.shape[1] == 1:
        return images
    return turn_hue(saturate(images, by[:, 2]), by[:, 3, 0])


def solarize(images: Tensor, which: Tensor, threshold: float) -> Tensor:
    """Values of at least ``threshold`` are inverted in the images for which ``which``, bool (B,), is true."""
    inverted = which[:, None, None, None] & (images >= threshold)
    return torch.where(inverted, 1.0 - images, images)
