"""The Fréchet distance, compared with cases that are known by hand and with another computation of the root."""

import numpy as np
import pytest

from core.evaluation.frechet import frechet_distance, moments


def features(count: int, width: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, width)) @ generator.normal(size=(width, width))


def test_a_set_has_distance_zero_from_itself() -> None:
    one = features(50, 4, 0)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_a_shift_is_its_square() -> None:
    one = features(50, 4, 0)
    assert frechet_distance(one, one + np.array([3.0, 4.0, 0.0, 0.0])) == pytest.approx(25)


def test_in_one_dimension_it_is_the_difference_of_the_deviations_squared() -> None:
    one = features(80, 1, 0)
    other = one * 3
    expected = (one.std(ddof=1) * 2) ** 2 + (one.mean() * 2) ** 2
    assert frechet_distance(one, other) == pytest.approx(expected)


def test_it_equals_the_formula_with_the_root_of_the_product() -> None:
    one, other = features(200, 5, 1), features(300, 5, 2)
    (mean_1, cov_1), (mean_2, cov_2) = moments(one), moments(other)
    roots = np.sqrt(np.linalg.eigvals(cov_1 @ cov_2).astype(complex)).real.sum()
    expected = ((mean_1 - mean_2) ** 2).sum() + np.trace(cov_1 + cov_2) - 2 * roots
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(other, one) == pytest.approx(expected)


def test_fewer_samples_than_dimensions_still_measure() -> None:
    assert np.isfinite(frechet_distance(features(3, 8, 1), features(4, 8, 2)))
