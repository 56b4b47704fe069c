"""Losses among the possible answers of each sample."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.objectives.answers import Answers, cross_entropy

SCORES = torch.tensor([[1.0, 2.0, 9.0, 9.0], [9.0, 9.0, 0.5, 0.0], [0.0, 1.0, 2.0, 3.0]])
AMONG = torch.tensor([[True, True, False, False], [False, False, True, True], [True, True, True, True]])


def test_the_answers_of_samples_follow_their_ids() -> None:
    answers = Answers(4, [2, 3], 2)
    answers.extend([0, 1], 3)
    answers.extend([1, 3], 1)
    assert answers.of(np.array([4, 0, 5])).tolist() == [
        [True, True, False, False],
        [False, False, True, True],
        [False, True, False, True],
    ]


def test_the_loss_is_that_of_a_network_with_the_possible_classes_alone() -> None:
    targets = torch.tensor([1, 2, 0])
    found = cross_entropy(SCORES, targets, weight=None, smoothing=0.0, among=AMONG)
    # log(1 + e^-1) of the first, log(1 + e^-0.5) of the second, log(1 + e + e^2 + e^3) of the third.
    assert found.item() == pytest.approx(0.313262 + 0.474077 + 3.440190, abs=1e-5)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 3.0, 0.5, 2.0])])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("mixed", ["one class", "mixed"])
def test_smoothing_weights_and_mixed_targets_count_among_the_possible_classes(
    weight: torch.Tensor | None, smoothing: float, mixed: str
) -> None:
    targets = torch.tensor([1, 2, 0])
    shares = functional.one_hot(targets, 4).float()
    if mixed == "mixed":
        shares = torch.tensor([[0.3, 0.7, 0, 0], [0, 0, 0.9, 0.1], [0.1, 0.2, 0.3, 0.4]])
    found = cross_entropy(
        SCORES, shares if mixed == "mixed" else targets, weight=weight, smoothing=smoothing, among=AMONG
    )
    expected = torch.zeros(())
    for scores, share, among in zip(SCORES, shares, AMONG, strict=True):
        expected += functional.cross_entropy(
            scores[among][None],
            share[among][None],
            weight=None if weight is None else weight[among],
            label_smoothing=smoothing,
            reduction="sum",
        )
    torch.testing.assert_close(found, expected)


def test_impossible_answers_have_no_gradient() -> None:
    scores = SCORES.clone().requires_grad_()
    cross_entropy(scores, torch.tensor([1, 2, 0]), weight=None, smoothing=0.1, among=AMONG).backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert (scores.grad[~AMONG] == 0).all()
    assert (scores.grad[AMONG] != 0).all()
