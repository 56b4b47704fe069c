"""Gaussian blur, with a kernel for each image."""

import torch
from torch import Tensor
from torch.nn import functional


def blur(images: Tensor, kernel: Tensor) -> Tensor:
    """Each image blurred vertically and horizontally. The border is mirrored, up to the kernel's radius.

    Args:
        images: Shape (B, C, H, W).
        kernel: One half of each kernel, from the centre on, shape (B, K); K - 1 is at most the shorter side less 1.
    """
    return _along(_along(images, kernel, 2), kernel, 3)


def _along(images: Tensor, kernel: Tensor, dim: int) -> Tensor:
    reach = kernel.shape[1] - 1
    length = images.shape[dim]
    sides = (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0)
    padded = functional.pad(images, sides, mode="reflect")
    by = kernel[:, :, None, None, None]
    found = images * by[:, 0]
    for tap in range(1, reach + 1):
        both = padded.narrow(dim, reach - tap, length) + padded.narrow(dim, reach + tap, length)
        found = found + both * by[:, tap]
    return found


def band(kernel: Tensor, length: int) -> Tensor:
    """The same blur along a side of ``length`` pixels as a matrix, shape (B, length, length)."""
    reach = kernel.shape[1] - 1
    where = torch.arange(length, device=kernel.device)
    found = torch.zeros(len(kernel), length, length, device=kernel.device)
    for tap in range(-reach, reach + 1):
        column = (where + tap).abs()
        column = torch.where(column >= length, 2 * (length - 1) - column, column)
        found[:, where, column] += kernel[:, abs(tap), None]
    return found
