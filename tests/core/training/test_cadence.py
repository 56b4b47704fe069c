"""Checkpoints and points have a least interval, and omitting some changes no other number."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.training import cadence
from core.training.cadence import Cadence, Limits
from core.training.loop import train
from tests.core.training.reference.jobs import CASES
from tests.core.training.runs import open_run


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_short_run_writes_at_the_intervals_of_the_spec(clock: Clock) -> None:
    limit = Cadence(Limits(10, 1), clock=clock)
    for _ in range(100):
        assert limit.allows_checkpoint(stays=True)
        limit.saved(1 << 20, stays=True)
        assert limit.allows_point()


def test_after_the_free_number_checkpoints_have_a_least_interval(clock: Clock) -> None:
    said: list[str] = []
    limit = Cadence(Limits(10, 1), warn=lambda code, _: said.append(code), clock=clock)
    written = 0
    for _ in range(104):
        if limit.allows_checkpoint(stays=False):
            limit.saved(64 << 20, stays=False)
            written += 1
        clock.now += 1
    assert written == 4 + 10
    assert said == ["checkpoints_too_frequent"]


def test_permanent_checkpoints_are_always_written(clock: Clock) -> None:
    limit = Cadence(Limits(10, 1), clock=clock)
    limit.saved(cadence.FREE_CHECKPOINT_BYTES, stays=False)
    stayed = []
    for step in range(1, 401):
        clock.now += 0.125
        stays = step % 100 == 0
        if limit.allows_checkpoint(stays=stays):
            limit.saved(1, stays=stays)
            stayed += [step] if stays else []
    assert stayed == [100, 200, 300, 400]


def test_the_checkpoint_of_a_stop_counts(clock: Clock) -> None:
    limit = Cadence(Limits(10, 1), clock=clock)
    limit.saved(cadence.FREE_CHECKPOINT_BYTES, stays=False)
    assert not limit.allows_checkpoint(stays=False)
    clock.now += 10
    assert limit.allows_checkpoint(stays=False)


def test_points_have_a_least_interval_too(clock: Clock) -> None:
    limit = Cadence(Limits(10, 1), clock=clock)
    told = 0
    for _ in range(cadence.FREE_POINTS + 1000):
        told += limit.allows_point()
        clock.now += 1 / 128
    assert told == cadence.FREE_POINTS + 1000 // 128


def test_without_limits_nothing_is_left_out(clock: Clock) -> None:
    limit = Cadence(clock=clock)
    limit.saved(2 * cadence.FREE_CHECKPOINT_BYTES, stays=False)
    assert limit.allows_checkpoint(stays=False)
    assert all(limit.allows_point() for _ in range(2 * cadence.FREE_POINTS))


def _trained(
    document: dict[str, Any], data: Path, tmp_path: Path, name: str, limits: Limits | None = None
) -> tuple[dict[str, torch.Tensor], list[int], list[int]]:
    directory = tmp_path / name
    directory.mkdir()
    with open_run(document, data, directory, tmp_path / "cache") as (run, told):
        # The clock does not move, so after the free number nothing is due.
        run.cadence = Cadence(limits, warn=run.events.warn, clock=lambda: 0.0)
        assert train(run) == "completed"
        run.checkpoints.join()
        weights = {name: tensor.clone() for name, tensor in run.objective.state_dict().items()}
    saved = [one["step"] for one in told if one["event"] == "checkpoint"]
    return weights, saved, told.steps_of("train/loss")


def test_what_is_left_out_changes_no_bit(
    sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cadences = {"steps": 6, "log_every": 1, "evaluate_every": 2, "checkpoint_every": 1}
    document = CASES["masked_lm"].document
    document = document | {
        "training": document["training"] | cadences | {"retention": {"keep_last": 100}},
    }
    free, all_saved, all_told = _trained(document, sentences, tmp_path, "free")
    assert all_saved == all_told == [1, 2, 3, 4, 5, 6]
    monkeypatch.setattr(cadence, "FREE_CHECKPOINT_BYTES", 1)
    monkeypatch.setattr(cadence, "FREE_POINTS", 3)
    limited, saved, told = _trained(document, sentences, tmp_path, "limited", Limits(10, 1))
    assert saved == [1, 6], "the last step always writes one"
    assert told == [1, 2, 3, 6]
    assert free.keys() == limited.keys()
    assert all(torch.equal(free[name], limited[name]) for name in free)
