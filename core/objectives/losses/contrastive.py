"""NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, arXiv 2002.05709, equation 1)."""

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(
    first: Tensor,
    second: Tensor,
    temperature: float,
    *,
    gathered: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
) -> Tensor:
    """Each view must find its partner among all other views; summed over the 2 B views, nats.

    With no other pair (B = 1 and nothing gathered) the partner is the only choice, and the loss is 0.

    Args:
        first: projections of one view of each image, shape (B, D), of any length.
        second: of the other, likewise.
        temperature: what cosines are divided by.
        gathered: both views of all N images that serve as choices, where those are more than these B; shapes (N, D).
        offset: where these B begin among the N.
    """
    batch = len(first)
    others = gathered if gathered is not None else (first, second)
    total = len(others[0])
    queries = functional.normalize(torch.cat([first, second]).float(), dim=1)
    choices = functional.normalize(torch.cat(others).float(), dim=1)
    own = torch.arange(batch, device=first.device) + offset
    itself, partner = torch.cat([own, own + total]), torch.cat([own + total, own])
    scores = queries @ choices.T / temperature
    is_itself = torch.arange(2 * total, device=first.device) == itself[:, None]
    return functional.cross_entropy(scores.masked_fill(is_itself, -torch.inf), partner, reduction="sum")
