"""Which samples of the earlier stages a replay buffer holds: functions of a seed, or of features."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import sample_indices
from core.randomness import derive_seed

Groups = Sequence[NDArray[np.int64]]
"""The samples of each group, by their numbers among all samples of the earlier stages."""


def groups_of_stages(sizes: Sequence[int]) -> Groups:
    """The samples of each stage as a group; stages follow one another in the numbering."""
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end, dtype=np.int64) for end, size in zip(ends, sizes, strict=True)]


def groups_of_classes(labels: NDArray[np.int64]) -> Groups:
    """The samples of each class as a group, in the order of the classes' numbers.

    Args:
        labels: Class of each sample, shape (N,).
    """
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def quotas(sizes: Sequence[int], total: int) -> list[int]:
    """How many samples of each group are kept: equally many of all, and where a group has fewer, more of the others.

    Their sum is ``total``, or the number of all samples if that is smaller.
    """
    kept = [0] * len(sizes)
    left = min(total, sum(sizes))
    while left:
        unfilled = [group for group, size in enumerate(sizes) if kept[group] < size]
        share = max(1, left // len(unfilled))
        for group in unfilled:
            more = min(share, sizes[group] - kept[group], left)
            kept[group] += more
            left -= more
    return kept


def reservoir(seed: int, groups: Groups, total: int) -> NDArray[np.int64]:
    """Samples drawn by chance from each group, without replacement, in ascending order.

    The result of reservoir sampling (Vitter 1985), which gives each subset of a stream the same probability; the samples are all
    here, so that a permutation of them is drawn instead of reading them in turn.
    """
    found = []
    for number, (group, kept) in enumerate(
        zip(groups, quotas([len(group) for group in groups], total), strict=True)
    ):
        if kept:
            drawn = sample_indices(derive_seed(seed, "replay buffer", number), 1, kept, len(group))
            found.append(group[drawn])
    return np.sort(np.concatenate([np.empty(0, np.int64), *found]))


def herding(
    features_of: Callable[[NDArray[np.int64]], Tensor], groups: Groups, total: int
) -> NDArray[np.int64]:
    """Samples of each group whose mean of features is nearest to that of the whole group, in ascending order.

    They are chosen one after another, each so that the mean of those chosen so far comes nearest (Rebuffi et al. 2017, arXiv
    1611.07725, algorithm 4). Features have length 1, as there.

    Args:
        features_of: The features of samples by their numbers, shape (N, D).
    """
    found = []
    for group, kept in zip(groups, quotas([len(group) for group in groups], total), strict=True):
        if kept == len(group):
            found.append(group)
        elif kept:
            found.append(group[nearest_to_mean(features_of(group), kept)])
    return np.sort(np.concatenate([np.empty(0, np.int64), *found]))


def nearest_to_mean(features: Tensor, count: int) -> NDArray[np.int64]:
    """The choice of `herding` within one group, in the order of choice.

    Args:
        features: Shape (N, D), with N at least ``count``.
    """
    features = torch.nn.functional.normalize(features.double().cpu(), dim=1)
    mean, total = features.mean(dim=0), torch.zeros(features.shape[1], dtype=torch.float64)
    squares, free = features.square().sum(dim=1), torch.ones(len(features), dtype=torch.bool)
    chosen = []
    for number in range(1, count + 1):
        # ||mean - (total + x) / number||^2 without the terms that are the same for all x.
        rest = number * mean - total
        distance = torch.where(free, squares - 2 * (features @ rest), torch.inf)
        best = int(distance.argmin())
        chosen.append(best)
        free[best] = False
        total += features[best]
    return np.array(chosen, np.int64)
