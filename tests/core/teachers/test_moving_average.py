"""The moving average of weights, by which teachers follow students, and its momentum."""

import math

import pytest
import torch
from torch import nn

from core.teachers.moving_average import MovingAverage, cosine, follow, linear, warmed_up


def test_a_cosine_rises_from_its_start_to_one() -> None:
    momentum = cosine(0.9, 100)
    assert momentum(0) == pytest.approx(0.9)
    assert momentum(50) == pytest.approx(0.95)
    assert momentum(100) == 1.0
    assert momentum(25) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2)


def test_a_line_rises_from_its_start_to_one() -> None:
    momentum = linear(0.9, 100)
    assert [momentum(step) for step in (0, 25, 50, 100)] == pytest.approx([0.9, 0.925, 0.95, 1.0])


def test_a_warm_up_ends_at_the_decay() -> None:
    momentum = warmed_up(0.9)
    assert [momentum(step) for step in (1, 8, 80, 81, 10_000)] == pytest.approx([2 / 11, 0.5, 0.9, 0.9, 0.9])


def test_an_update_keeps_a_share_of_the_old_value() -> None:
    average, weight = torch.full((3,), 1.0), torch.full((3,), 5.0)
    follow([average], [weight], 0.75)
    assert torch.equal(average, torch.full((3,), 2.0))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def test_every_teacher_parameter_follows_and_gets_no_gradient() -> None:
    pairs = [(network(), network()) for _ in range(2)]
    average = MovingAverage(*pairs, momentum=lambda step: 0.5 if step == 7 else 1.0)
    before = [[p.detach().clone() for p in slow.parameters()] for _, slow in pairs]
    average.update(7)
    for (fast, slow), old in zip(pairs, before, strict=True):
        assert not any(p.requires_grad for p in slow.parameters())
        assert all(p.requires_grad for p in fast.parameters())
        for new, was, trained in zip(slow.parameters(), old, fast.parameters(), strict=True):
            torch.testing.assert_close(new, (was + trained) / 2)


@pytest.mark.parametrize("buffers", [False, True])
def test_buffers_follow_if_requested(*, buffers: bool) -> None:
    fast, slow = network(), network()
    average = MovingAverage((fast, slow), momentum=lambda _: 0.5, buffers=buffers)
    # Buffers are replaced, not changed, when a module moves to another device or type.
    fast.double(), slow.double()
    fast(torch.ones(8, 4, dtype=torch.float64))
    average.update(1)
    seen, kept = fast.state_dict(), slow.state_dict()
    assert int(kept["1.num_batches_tracked"]) == (1 if buffers else 0)
    expected = seen["1.running_mean"] / 2 if buffers else torch.zeros(3, dtype=torch.float64)
    torch.testing.assert_close(kept["1.running_mean"], expected)
    assert seen["1.running_mean"].abs().sum() > 0
