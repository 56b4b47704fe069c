"""Fixed position encodings for the patches of an image: sines and cosines of row and column, as in MAE and I-JEPA."""

import torch
from torch import Tensor


def sine_positions(side: int, width: int) -> Tensor:
    """One vector for each patch of a ``side`` by ``side`` grid, row by row.

    Half of the numbers encode the column, half the row. Each half has sines and cosines at frequencies 10000^(-i / n) for
    i = 0 … n - 1, where n is a quarter of the width (He et al. 2021, arXiv 2111.06377, after Vaswani et al. 2017).

    Args:
        width: A multiple of 4.

    Returns:
        Shape (side², width).
    """
    frequencies = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    of_one = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = of_one.repeat(side, 1), of_one.repeat_interleave(side, dim=0)
    return torch.cat([columns, rows], dim=1).float()
