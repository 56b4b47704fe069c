"""Confidence intervals by the bootstrap, and the paired comparison of two models on the same samples.

A measure is computed from the units of a dataset (images, documents, recordings). A resample draws as many units as there
are, with replacement; the interval of a measure is between two quantiles of its values over many resamples (Efron 1979;
Koehn 2004 for the comparison of two systems). Units that are drawn together, such as the clips of one recording, count as
one unit, because they are not independent.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.int64]], Mapping[str, float]]
"""Values by name, of the dataset in which unit ``i`` occurs ``counts[i]`` times; counts have shape (units,)."""

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; both ends belong to it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's exact test of two classifiers on the same samples (McNemar 1947): do they err equally often?"""

    only_first: int
    """Samples that only the first classifies correctly."""
    only_second: int
    p_value: float
    """Two-sided; of the binomial distribution with probability one half."""


def intervals(
    measure: Measure, units: int, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> dict[str, Interval]:
    """The interval of each value of a measure; those without a finite value in any resample are left out.

    Args:
        units: number of units, at least 1.
        resamples: number of resamples. The same seed gives the same intervals.
        level: share of the resamples whose value is inside, in (0, 1).
    """
    return _quantiles([measure(counts) for counts in _resampled(units, resamples, seed)], level)


def paired_intervals(
    first: Measure,
    second: Measure,
    units: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> dict[str, Interval]:
    """The interval of the difference ``second - first`` of each value that both have, both on the same resamples."""
    differences = []
    for counts in _resampled(units, resamples, seed):
        one, other = first(counts), second(counts)
        differences.append({name: other[name] - one[name] for name in one.keys() & other.keys()})
    return _quantiles(differences, level)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Compare which samples two classifiers get right, both of shape (N,)."""
    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    total, fewer = only_first + only_second, min(only_first, only_second)
    # Logarithms of binomial coefficients, because 2 ** total is too large for a double from 1024 on.
    logs = [
        math.lgamma(total + 1) - math.lgamma(i + 1) - math.lgamma(total - i + 1) - total * math.log(2)
        for i in range(fewer + 1)
    ]
    return McNemar(only_first, only_second, min(1.0, 2 * math.fsum(math.exp(log) for log in logs)))


def _resampled(units: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(generator.integers(0, units, units), minlength=units)


def _quantiles(values: Sequence[Mapping[str, float]], level: float) -> dict[str, Interval]:
    names = {name: None for value in values for name in value}
    found = {}
    for name in names:
        series = np.array([value.get(name, math.nan) for value in values], dtype=np.float64)
        series = series[np.isfinite(series)]
        if len(series):
            low, high = np.quantile(series, [(1 - level) / 2, (1 + level) / 2])
            found[name] = Interval(float(low), float(high))
    return found
