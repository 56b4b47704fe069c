"""Measures by numbers that a person can check."""

import math

import numpy as np
import pytest

from core.evaluation.language import entropy, perplexity


def test_perplexity_is_the_number_of_equal_choices() -> None:
    assert perplexity(math.log(50)) == pytest.approx(50)
    assert perplexity(0.0) == 1.0
    assert perplexity(1e4) == math.inf


@pytest.mark.parametrize(
    ("counts", "nats"),
    [
        ([1, 1, 1, 1], math.log(4)),
        ([7, 0, 0], 0.0),
        ([3, 1], -0.75 * math.log(0.75) - 0.25 * math.log(0.25)),
        ([0, 0], 0.0),
    ],
)
def test_entropy(counts: list[int], nats: float) -> None:
    assert entropy(np.array(counts)) == pytest.approx(nats)
