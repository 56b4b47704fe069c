"""Whether features still tell samples apart, measured without labels.

Features are (N, D): one row a sample. A representation has collapsed where all samples have nearly the same features
(completely), or where they differ along a few directions only (in dimensions).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

COLLAPSED_STD = 0.01
COLLAPSED_RANK = 1.01
"""Below either, features are the same for all samples but for rounding; networks at random initialisation stay above
both by a factor (``docs/representation-health.md`` has what was measured)."""

_EPSILON = 1e-7
_PAIRS_AT_ONCE = 1 << 22


def rankme(features: Tensor) -> float:
    """Effective rank: the exponential of the entropy of the singular values' shares.

    RankMe, Garrido et al. 2022, arXiv 2210.02885, equation 1; between 1 and min(N, D).
    """
    values = torch.linalg.svdvals(features.double())
    shares = values / values.sum().clamp_min(torch.finfo(torch.float64).tiny) + _EPSILON
    return math.exp(-(shares * shares.log()).sum().item())


def deviation(features: Tensor) -> float:
    """Standard deviation of each dimension of the features, scaled to length 1, averaged, times the root of D.

    Chen and He 2020, arXiv 2011.10566, figure 2: 0 where all features are one, 1 where they point everywhere alike.
    """
    directions = functional.normalize(features.double(), dim=1)
    spread = directions.std(dim=0, correction=0).mean()
    return float(spread.item() * math.sqrt(features.shape[1]))


def alignment(features: Tensor, others: Tensor) -> float:
    """Mean squared distance between the directions of two views of each sample; lower is nearer.

    Wang and Isola 2020, arXiv 2005.10242.
    """
    first, second = (functional.normalize(view.double(), dim=1) for view in (features, others))
    return float((first - second).square().sum(dim=1).mean().item())


def uniformity(features: Tensor) -> float:
    """Logarithm of the mean Gaussian potential between the directions of two samples; lower is more spread out.

    Wang and Isola 2020, arXiv 2005.10242; 0 where all are one. Of one sample alone: 0. Some millions of pairs are held at
    once, however many samples there are.
    """
    count = len(features)
    if count < 2:
        return 0.0
    directions = functional.normalize(features.double(), dim=1)
    squares = directions.square().sum(dim=1)
    total = squares.new_zeros(())
    rows = max(1, _PAIRS_AT_ONCE // count)
    for start in range(0, count, rows):
        end = min(start + rows, count)
        distances = directions[start:end] @ directions[:end].T
        distances.mul_(-2).add_(squares[start:end, None]).add_(squares[:end]).clamp_min_(0)
        # Each pair once, and no sample with itself.
        total += distances.mul_(-2).exp_().tril_(start - 1).sum()
    return float((total / (count * (count - 1) / 2)).log().item())


def health(features: Tensor) -> dict[str, float]:
    """The measures that need one view, as ``health/…``; not a number where a feature is none."""
    if not features.isfinite().all():
        return dict.fromkeys(("health/rankme", "health/std", "health/uniformity"), math.nan)
    return {
        "health/rankme": rankme(features),
        "health/std": deviation(features),
        "health/uniformity": uniformity(features),
    }


def has_collapsed(values: Mapping[str, float]) -> bool:
    """Whether measures by `health` say that all samples look the same."""
    return (
        values.get("health/std", math.inf) < COLLAPSED_STD
        or values.get("health/rankme", math.inf) < COLLAPSED_RANK
    )
