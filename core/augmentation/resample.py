"""Crops brought to one size, mirrored on the way: two small matrix products for each image.

A crop's resampling is separable: each row of the result is a weighted mean of the crop's rows, and each column of its columns. The
weights are a triangle as wide as a pixel of the result, or of the source where that is wider: bilinear, and antialiased where it
shrinks, as Pillow does it. Measured on two cores against ``grid_sample`` (which does not antialias): see docs/data/images.md.
"""

import torch
from torch import Tensor


def weights(start: Tensor, length: Tensor, source: int, size: int, reverse: Tensor | None = None) -> Tensor:
    """What each of ``size`` results takes of each of ``source`` pixels along one side.

    Args:
        start: where crops begin, pixels, shape (B,).
        length: how long they are, shape (B,).
        source: pixels of the image, S.
        size: pixels of the result, T.
        reverse: which to mirror, bool, shape (B,).

    Returns:
        Shape (B, T, S), each row's sum 1.
    """
    steps = torch.arange(size, device=start.device, dtype=torch.float32) + 0.5
    if reverse is not None:
        steps = torch.where(reverse[:, None], size - steps, steps)
    scale = (length / size)[:, None]
    centre = (start[:, None] + steps * scale)[:, :, None]
    support = scale.clamp(min=1.0)[:, :, None]
    pixels = torch.arange(source, device=start.device, dtype=torch.float32) + 0.5
    # A crop's outermost weights fall inside it: what lies beside the crop stays out of the view.
    inside = ((pixels + 0.5) > start[:, None])[:, None] & ((pixels - 0.5) < (start + length)[:, None])[
        :, None
    ]
    found = (1.0 - (pixels - centre).abs() / support).clamp(min=0.0) * inside
    return found / found.sum(-1, keepdim=True)


def resized_crops(images: Tensor, box: Tensor, size: tuple[int, int], flip: Tensor | None = None) -> Tensor:
    """Each image's crop at ``size``.

    Args:
        images: shape (B, C, H, W).
        box: top, left, height, width in pixels, shape (B, 4).
        size: height and width of the result.
        flip: which to mirror left to right, bool, shape (B,).

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
