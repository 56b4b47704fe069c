"""Resamples crops to one size, and mirrors them: two small matrix products for each image.

Resampling a crop is separable: each row of the result is a weighted mean of the crop's rows, and each column of its columns. The
weights are a triangle as wide as a pixel of the result, or of the source where that is wider: bilinear, and antialiased when
shrinking, as in Pillow. For the time on two cores compared to ``grid_sample`` (which does not antialias), see docs/data/images.md.
"""

import torch
from torch import Tensor


def weights(start: Tensor, length: Tensor, source: int, size: int, reverse: Tensor | None = None) -> Tensor:
    """The weight of each of ``source`` pixels in each of ``size`` pixels of the result, along one axis.

    Args:
        start: Start of each crop, pixels, shape (B,).
        length: Length of each crop, pixels, shape (B,).
        source: Pixels of the image, S.
        size: Pixels of the result, T.
        reverse: Which crops to mirror, bool, shape (B,).

    Returns:
        Shape (B, T, S); each row sums to 1.
    """
    steps = torch.arange(size, device=start.device, dtype=torch.float32) + 0.5
    if reverse is not None:
        steps = torch.where(reverse[:, None], size - steps, steps)
    scale = (length / size)[:, None]
    centre = (start[:, None] + steps * scale)[:, :, None]
    support = scale.clamp(min=1.0)[:, :, None]
    pixels = torch.arange(source, device=start.device, dtype=torch.float32) + 0.5
    # The triangle at the crop's edge is limited to the crop, so that pixels outside it have no weight.
    inside = ((pixels + 0.5) > start[:, None])[:, None] & ((pixels - 0.5) < (start + length)[:, None])[
        :, None
    ]
    found = (1.0 - (pixels - centre).abs() / support).clamp(min=0.0) * inside
    return found / found.sum(-1, keepdim=True)


def resized_crops(images: Tensor, box: Tensor, size: tuple[int, int], flip: Tensor | None = None) -> Tensor:
    """Each image's crop, resampled to ``size``.

    Args:
        images: Shape (B, C, H, W).
        box: Top, left, height, width in pixels, shape (B, 4).
        size: Height and width of the result.
        flip: Which images to mirror left to right, bool, shape (B,).

    Returns:
        Shape (B, C, *size).
    """
    batch, channels, height, width = images.shape
    down = weights(box[:, 0], box[:, 2], height, size[0])
    across = weights(box[:, 1], box[:, 3], width, size[1], flip)
    rows = torch.bmm(images.reshape(batch, channels * height, width), across.transpose(1, 2))
    rows = (
        rows.view(batch, channels, height, size[1]).transpose(1, 2).reshape(batch, height, channels * size[1])
    )
    found = torch.bmm(down, rows)
    return found.view(batch, size[0], channels, size[1]).transpose(1, 2)
