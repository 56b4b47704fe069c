"""The quantised ab plane of colorization as classification (Zhang et al. 2016, arXiv 1603.08511, section 2.1 and 2.2).

A grid of step 10, of which those cells are kept that some 8-bit sRGB colour falls into. They are computed, not read
from a file: 261. (The paper's own list has 313: it also keeps cells beside the gamut, which no colour falls into.)
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from core.tasks.colorization.lab import rgb_to_lab

STEP = 10.0
"""Size of a cell, in units of a and b."""
NEIGHBOURS = 5
"""Classes that a colour is spread over."""
SIGMA = 5.0
"""Width of the Gaussian that spreads it, and of the one that smooths the class frequencies."""


@cache
def palette() -> Tensor:
    """Centres (a, b) of the cells in the gamut of sRGB, float32 of shape (Q, 2), in order.

    The line of all L through a point (a, b) in gamut leaves the cube of colours through its surface, so the surface
    alone determines which points are in the gamut.
    """
    levels = torch.arange(256, dtype=torch.float64) / 255
    u, v = torch.meshgrid(levels, levels, indexing="ij")
    sides = [
        torch.stack(channels)
        for end in (torch.zeros_like(u), torch.ones_like(u))
        for channels in ((end, u, v), (u, end, v), (u, v, end))
    ]
    ab = rgb_to_lab(torch.stack(sides))[:, 1:].movedim(1, -1).reshape(-1, 2)
    cells: Tensor = torch.unique(torch.round(ab / STEP), dim=0)
    return (cells * STEP).float()


def soft_classes(ab: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest classes of colours and a Gaussian's weight for each: the paper's soft encoding.

    Args:
        ab: shape (N, 2).
        centres: `palette`, on the same device.

    Returns:
        Class numbers, nearest first, and weights that sum to 1; both of shape (N, 5).
    """
    # |x - c|² without |x|², which is the same for every class.
    with _exact(ab):
        relative = centres.square().sum(dim=1) - 2 * ab.float() @ centres.T
    nearest, classes = relative.topk(NEIGHBOURS, dim=1, largest=False, sorted=True)
    return classes, torch.softmax(-nearest / (2 * SIGMA**2), dim=1)


def class_frequencies(ab: Tensor, centres: Tensor) -> Tensor:
    """How often each class is the nearest to a colour, shape (Q,), summing to 1."""
    classes, _ = soft_classes(ab, centres)
    return torch.bincount(classes[:, 0], minlength=len(centres)).double() / len(ab)


def rebalancing(frequencies: Tensor, centres: Tensor, uniform_share: float) -> Tensor:
    """A weight for each class, larger for rarer colours (equation 4), shape (Q,).

    ``w ∝ ((1 - λ) p̃ + λ / Q)⁻¹`` with p̃ the frequencies smoothed by a Gaussian in the ab plane and λ the
    ``uniform_share``, scaled so that the weight of a pixel is 1 on average: Σ p̃ w = 1.
    """
    distances = (centres[:, None] - centres).double().square().sum(dim=2)
    spread = torch.softmax(-distances / (2 * SIGMA**2), dim=0)
    smooth = spread @ frequencies.double()
    weights = 1 / ((1 - uniform_share) * smooth + uniform_share / len(centres))
    return (weights / (smooth * weights).sum()).float()


def annealed_mean(scores: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Colours from class scores (equation 5): the mean of the distribution re-softened by a temperature.

    Args:
        scores: logits, shape (B, Q, H, W).
        temperature: 1 gives the mean, whose colours are unsaturated; towards 0 the mode, which is saturated and uneven.

    Returns:
        a and b, shape (B, 2, H, W).
    """
    shares = torch.softmax(scores.float() / temperature, dim=1)
    with _exact(shares):
        return torch.einsum("bqhw,qc->bchw", shares, centres)


def rebalanced_cross_entropy(scores: Tensor, ab: Tensor, centres: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy to the soft classes, each pixel weighted by its nearest class (equations 2 and 3).

    Args:
        scores: logits, shape (B, Q, H, W).
        ab: the true colours, shape (B, 2, H, W).
        weights: as `rebalancing` returns them.

    Returns:
        Summed over all pixels, nats.
    """
    classes, shares = soft_classes(ab.movedim(1, -1).reshape(-1, 2), centres)
    logs = functional.log_softmax(scores.float().movedim(1, -1).flatten(0, 2), dim=1)
    entropies = -(logs.gather(1, classes) * shares).sum(dim=1)
    return (entropies * weights[classes[:, 0]]).sum()


def _exact(values: Tensor) -> torch.autocast:
    """Turns autocast off: squares of distances up to 10,000 need more precision than bfloat16's eight bits."""
    return torch.autocast(values.device.type, enabled=False)
