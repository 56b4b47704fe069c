"""Intervals by resampling, and McNemar's test, against closed forms and SciPy-free hand counts."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from core.evaluation.bootstrap import Interval, intervals, mcnemar, paired_intervals


def _mean(values: NDArray[np.float64]) -> "object":
    def measure(counts: NDArray[np.int64]) -> Mapping[str, float]:
        return {"mean": float(counts @ values / counts.sum())}

    return measure


def test_an_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(2.0, 0.5, 400)
    found = intervals(_mean(values), 400, resamples=4000)["mean"]  # type: ignore[arg-type]
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_the_same_seed_gives_the_same_interval_and_another_level_a_narrower_one() -> None:
    values = np.arange(50.0)
    wide = intervals(_mean(values), 50)  # type: ignore[arg-type]
    assert wide == intervals(_mean(values), 50)  # type: ignore[arg-type]
    narrow = intervals(_mean(values), 50, level=0.5)["mean"]  # type: ignore[arg-type]
    assert wide["mean"].low < narrow.low < narrow.high < wide["mean"].high
    assert intervals(_mean(values), 50, seed=1) != wide  # type: ignore[arg-type]


def test_a_pair_that_differs_by_a_constant_differs_by_it_in_every_resample() -> None:
    values = np.random.default_rng(0).normal(0, 10, 30)
    found = paired_intervals(_mean(values), _mean(values + 0.25), 30, resamples=200)  # type: ignore[arg-type]
    assert found["mean"] == Interval(pytest.approx(0.25), pytest.approx(0.25))


def test_a_measure_without_any_finite_value_has_no_interval() -> None:
    assert intervals(lambda _: {"nan": math.nan, "one": 1.0}, 3, resamples=5) == {"one": Interval(1.0, 1.0)}


def test_one_unit_gives_an_interval_of_no_width() -> None:
    assert intervals(_mean(np.array([7.0])), 1, resamples=20)["mean"] == Interval(7.0, 7.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "p"), [(1, 5, 0.21875), (0, 6, 0.03125), (4, 4, 1.0), (0, 0, 1.0)]
)
def test_mcnemar_is_the_binomial_test_of_the_samples_on_which_two_differ(
    first: int, second: int, p: float
) -> None:
    both = np.ones(10, dtype=bool)
    one = np.concatenate([both, np.ones(first, bool), np.zeros(second, bool)])
    other = np.concatenate([both, np.zeros(first, bool), np.ones(second, bool)])
    found = mcnemar(one, other)
    assert (found.only_first, found.only_second) == (first, second)
    assert found.p_value == pytest.approx(p)


def test_mcnemar_of_many_samples_does_not_overflow() -> None:
    one = np.zeros(5000, dtype=bool)
    one[:2400] = True
    assert mcnemar(one, ~one).p_value == pytest.approx(0.0049, abs=2e-4)
