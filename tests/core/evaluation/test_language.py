"""Metrics of language models, for values that can be checked by hand."""

import math

import numpy as np
import pytest

from core.evaluation.language import bits_per_byte, entropy, perplexity


def test_perplexity_is_the_number_of_equal_choices() -> None:
    assert perplexity(math.log(50)) == pytest.approx(50)
    assert perplexity(0.0) == 1.0
    assert perplexity(1e4) == math.inf


def test_bits_per_byte_do_not_depend_on_how_text_is_cut() -> None:
    # 8 bits a token of four bytes are 2 bits a byte, and so are 2 bits a token of one.
    assert bits_per_byte(8 * math.log(2), tokens=25, text_bytes=100) == pytest.approx(2.0)
    assert bits_per_byte(2 * math.log(2), tokens=100, text_bytes=100) == pytest.approx(2.0)
    assert math.isnan(bits_per_byte(1.0, tokens=0, text_bytes=0))


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
