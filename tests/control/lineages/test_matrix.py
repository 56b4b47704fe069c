"""The numbers that sum up a forgetting matrix, against ones that were computed by hand."""

import math

import pytest

from control.lineages.matrix import Summary, summarize

# Accuracies of three stages. Above the diagonal: what the weights before a stage know of it.
ACCURACY = [
    [0.9, 0.3, None],
    [0.7, 0.8, 0.2],
    [0.6, 0.75, 0.95],
]
FRESH = [0.1, 0.1, 0.15]


def close(value: float | None, expected: float) -> bool:
    return value is not None and math.isclose(value, expected, abs_tol=1e-12)


def test_accuracies() -> None:
    found = summarize(ACCURACY, FRESH, "higher")
    assert found.last == 2
    assert close(found.average, (0.6 + 0.75 + 0.95) / 3)
    assert close(found.backward_transfer, ((0.6 - 0.9) + (0.75 - 0.8)) / 2)
    assert close(found.forward_transfer, ((0.3 - 0.1) + (0.2 - 0.15)) / 2)
    assert close(found.forgetting, ((0.9 - 0.6) + (0.8 - 0.75)) / 2)


def test_losses_have_the_opposite_signs() -> None:
    """A loss that rises from 2 to 3 is forgetting of 1, as an accuracy that falls by 1 would be."""
    negated = [[None if value is None else -value for value in row] for row in ACCURACY]
    by_loss = summarize(negated, [-value for value in FRESH], "lower")
    by_accuracy = summarize(ACCURACY, FRESH, "higher")
    assert by_loss.average == -by_accuracy.average  # type: ignore[operator] - it is a number
    for name in ("backward_transfer", "forward_transfer", "forgetting"):
        assert math.isclose(getattr(by_loss, name), getattr(by_accuracy, name))
    assert summarize([[2.0, 4.0], [3.0, 1.0]], [5.0, 4.5], "lower") == Summary(1, 2.0, -1.0, 0.5, 1.0)


def test_forgetting_is_from_the_best_value_that_a_stage_ever_had() -> None:
    matrix = [[0.5, None, None], [0.9, 0.6, None], [0.7, 0.6, 0.8]]
    found = summarize(matrix, [None] * 3, "higher")
    assert close(found.forgetting, ((0.9 - 0.7) + 0.0) / 2)
    assert close(found.backward_transfer, ((0.7 - 0.5) + 0.0) / 2)


def test_stages_that_were_not_measured_are_left_out() -> None:
    """Such as those whose data were deleted, and the stage that still runs."""
    matrix = [
        [None, None, None, None],
        [None, 0.8, 0.2, None],
        [None, 0.6, 0.9, 0.4],
        [None, None, None, None],
    ]
    found = summarize(matrix, [None, None, 0.1, 0.3], "higher")
    assert found.last == 2
    assert close(found.average, (0.6 + 0.9) / 2)
    assert close(found.backward_transfer, 0.6 - 0.8)
    assert close(found.forward_transfer, 0.2 - 0.1)
    assert close(found.forgetting, 0.2)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_single_stage_has_only_its_own_value(better: str) -> None:
    assert summarize([[0.4]], [None], better) == Summary(0, 0.4, None, None, None)  # type: ignore[arg-type] - parametrized


def test_nothing_measured_says_nothing() -> None:
    assert summarize([[None, 0.1], [None, None]], [None, 0.1], "higher") == Summary(
        None, None, None, None, None
    )
