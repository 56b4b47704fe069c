"""Metrics of representations without labels: whether features distinguish samples.

Features are (N, D): one row for each sample. A representation has collapsed where all samples have nearly the same features
(complete collapse), or where features differ along few directions only (dimensional collapse).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

COLLAPSED_STD = 0.01
COLLAPSED_RANK = 1.01
"""Limits on `deviation` and `rankme`. Below either, features are the same for all samples except for rounding. Networks at
random initialisation are far above both (measured in ``docs/representation-health.md``)."""

_EPSILON = 1e-7
_PAIRS_AT_ONCE = 1 << 22


def rankme(features: Tensor) -> float:
    """Effective rank: the exponential of the entropy of the normalised singular values.

    RankMe, Garrido et al. 2022, arXiv 2210.02885, equation 1; between 1 and min(N, D).
    """
    values = torch.linalg.svdvals(features.double())
    shares = values / values.sum().clamp_min(torch.finfo(torch.float64).tiny) + _EPSILON
    return math.exp(-(shares * shares.log()).sum().item())


def deviation(features: Tensor) -> float:
    """Mean standard deviation of the dimensions of the features, which are scaled to length 1; times the square root of D.

    Chen and He 2020, arXiv 2011.10566, figure 2: 0 where all features are equal, 1 where their directions are uniform.
    """
    directions = functional.normalize(features.double(), dim=1)
    spread = directions.std(dim=0, correction=0).mean()
    return float(spread.item() * math.sqrt(features.shape[1]))


def alignment(features: Tensor, others: Tensor) -> float:
    """Mean squared distance between the directions of two views of each sample; lower is closer.

    Wang and Isola 2020, arXiv 2005.10242.
    """
    first, second = (functional.normalize(view.double(), dim=1) for view in (features, others))
    return float((first - second).square().sum(dim=1).mean().item())


def uniformity(features: Tensor) -> float:
    """Logarithm of the mean Gaussian potential between the directions of two samples; lower is more uniform.

    Wang and Isola 2020, arXiv 2005.10242; 0 where all features are equal, and for a single sample. Some millions of pairs are in
    memory at a time, for any number of samples.
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
        # Each pair once, without pairs of a sample with itself.
        total += distances.mul_(-2).exp_().tril_(start - 1).sum()
    return float((total / (count * (count - 1) / 2)).log().item())


def health(features: Tensor) -> dict[str, float]:
    """The metrics that need one view, named ``health/…``. NaN where a feature is NaN."""
    if not features.isfinite().all():
        return dict.fromkeys(("health/rankme", "health/std", "health/uniformity"), math.nan)
    return {
        "health/rankme": rankme(features),
        "health/std": deviation(features),
        "health/uniformity": uniformity(features),
    }


def has_collapsed(values: Mapping[str, float]) -> bool:
    """Whether the metrics of `health` show that all samples have the same features."""
    return (
        values.get("health/std", math.inf) < COLLAPSED_STD
        or values.get("health/rankme", math.inf) < COLLAPSED_RANK
    )
