"""Learning rates at the first, the last and the intermediate steps."""

import pytest

from core.spec.schedule import Schedule
from core.training.schedules import learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Schedule(kind="constant"), {1: 1.0, 50: 1.0, 100: 1.0}),
        (Schedule(kind="constant", warmup_steps=10), {1: 0.1, 9: 0.9, 10: 1.0, 11: 1.0}),
        (Schedule(kind="linear", warmup_steps=20), {10: 0.5, 20: 1.0, 60: 0.5, 100: 0.0}),
        (Schedule(kind="cosine", warmup_steps=20, final_fraction=0.1), {20: 1.0, 60: 0.55, 100: 0.1}),
        (Schedule(kind="cosine", warmup_steps=100), {50: 0.5, 100: 1.0}),
        (Schedule(kind="warmup_stable_decay", warmup_steps=10), {5: 0.5, 10: 1.0, 90: 1.0, 100: 0.0}),
        (
            Schedule(kind="warmup_stable_decay", decay_steps=40, final_fraction=0.2),
            {1: 1.0, 60: 1.0, 70: 0.6, 100: 0.2},
        ),
        (Schedule(kind="warmup_stable_decay", warmup_steps=100), {50: 0.5, 100: 1.0}),
    ],
)
def test_learning_rate(schedule: Schedule, factors: dict[int, float]) -> None:
    for step, factor in factors.items():
        assert learning_rate_factor(schedule, step, steps=100) == pytest.approx(factor, abs=1e-12)


def test_the_first_step_without_warm_up_has_decayed_by_one_step() -> None:
    assert learning_rate_factor(Schedule(kind="linear"), 1, steps=10) == pytest.approx(0.9)
