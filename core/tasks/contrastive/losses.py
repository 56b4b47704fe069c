"""NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, arXiv 2002.05709, equation 1)."""

import torch
from torch import Tensor
from torch.nn import functional


def pair_scores(
    first: Tensor,
    second: Tensor,
    temperature: float,
    *,
    gathered: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
) -> tuple[Tensor, Tensor]:
    """Similarities of each view to all others, and which of them is its partner; arguments as for `nt_xent`.

    Returns:
        Scores (2 B, 2 N), minus infinity for a view and itself, and the partners' columns (2 B,).
    """
    batch = len(first)
    others = gathered if gathered is not None else (first, second)
    total = len(others[0])
    queries = functional.normalize(torch.cat([first, second]).float(), dim=1)
    choices = functional.normalize(torch.cat(others).float(), dim=1)
    own = torch.arange(batch, device=first.device) + offset
    itself, partner = torch.cat([own, own + total]), torch.cat([own + total, own])
    is_itself = torch.arange(2 * total, device=first.device) == itself[:, None]
    return (queries @ choices.T / temperature).masked_fill(is_itself, -torch.inf), partner


def nt_xent(
    first: Tensor,
    second: Tensor,
    temperature: float,
    *,
    gathered: tuple[Tensor, Tensor] | None = None,
    offset: int = 0,
) -> Tensor:
    """Cross-entropy of finding each view's partner among all other views, summed over the 2 B views, in nats.

    With no other pair (B = 1 and nothing gathered) the partner is the only choice, and the loss is 0.

    Args:
        first: projections of one view of each image, shape (B, D), of any length.
        second: projections of the other view, likewise.
        temperature: divisor of the cosines.
        gathered: both views of all N images among which the partner is searched, if more than these B; shapes (N, D).
        offset: index of the first of these B among the N.
    """
    scores, partner = pair_scores(first, second, temperature, gathered=gathered, offset=offset)
    return functional.cross_entropy(scores, partner, reduction="sum")
