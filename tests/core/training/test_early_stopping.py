"""Early stopping: when a run ends, what it keeps, and that an interruption changes nothing."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from core.spec.problems import SpecError, validate
from core.spec.training import EarlyStoppingSpec
from core.training.early_stopping import EarlyStopping
from tests.core.training.interruptions import hashes, points
from tests.core.training.reference.jobs import CASES

STOPPING = {"metric": "eval/accuracy", "patience": 3, "min_delta": 0.9}
"""Such a change never comes, so the first evaluation is the best one."""


def spec(**training: Any) -> dict[str, Any]:
    document = CASES["image_classification-resnet"].document
    changes = {"steps": 40, "evaluate_every": 2, "checkpoint_every": 3, "early_stopping": STOPPING}
    return document | {"training": document["training"] | changes | training}


def observed(values: list[float], **settings: Any) -> EarlyStopping:
    stopping = EarlyStopping(EarlyStoppingSpec(**settings))
    for step, value in enumerate(values, 1):
        if not stopping.is_over:
            stopping.observe({stopping.spec.metric: value}, step)  # type: ignore[union-attr]
    return stopping


@pytest.mark.parametrize(
    ("values", "settings", "best_step", "over"),
    [
        ([3.0, 2.0, 2.5, 2.1], {"patience": 2}, 2, True),
        ([3.0, 2.0, 2.5, 1.9], {"patience": 2}, 4, False),
        ([0.1, 0.3, 0.2, 0.25], {"patience": 2, "metric": "eval/accuracy"}, 2, True),
        ([3.0, 2.95, 2.92], {"patience": 2, "min_delta": 0.1}, 1, True),
        ([math.nan, math.nan], {"patience": 2}, 0, True),
        ([2.0, math.nan, 1.0], {"patience": 2}, 3, False),
    ],
)
def test_it_ends_after_as_many_evaluations_without_improvement(
    values: list[float], settings: dict[str, Any], best_step: int, *, over: bool
) -> None:
    stopping = observed(values, **settings)
    assert (stopping.best_step, stopping.is_over) == (best_step, over)
    again = EarlyStopping.resumed(stopping.spec, stopping.kept["early_stopping"])
    assert again == stopping


def test_without_a_spec_nothing_ends_and_nothing_is_kept() -> None:
    stopping = EarlyStopping.resumed(None, None)
    assert not any(stopping.observe({"eval/loss": 1.0}, step) for step in range(10))
    assert not stopping.is_over
    assert stopping.kept == {}


def test_a_run_ends_completed_and_keeps_its_best_checkpoint(
    pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    engine = pretrain(spec(), tmp_path / "out", data=pictures)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (told,) = engine.of("stopped_early")
    assert (told["step"], told["steps"], told["best_step"], told["metric"]) == (8, 40, 2, "eval/accuracy")
    (finished,) = engine.of("finished")
    assert (finished["reason"], finished["step"]) == ("completed", 8)
    written = [Path(event["path"]).name for event in engine.of("checkpoint")]
    assert "step-00000002" in written, "an improvement writes a checkpoint, whatever checkpoint_every says"
    assert written[-1] == "step-00000008"


@pytest.mark.parametrize("dies_at", [3, 5, 7, 8])
def test_a_run_that_was_killed_counts_on(dies_at: int, pretrain: Any, pictures: Path, tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec(), straight, data=pictures).end() == {"exit": 0}
    assert pretrain(spec(), broken, data=pictures, dies_at=dies_at).end() == {"signal": 9}
    engine = pretrain(spec(), broken, data=pictures)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("stopped_early")[0]["step"] == 8
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


def test_a_run_whose_end_was_not_reported_does_no_further_step(
    pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    assert pretrain(spec(), tmp_path / "out", data=pictures).end() == {"exit": 0}
    before = hashes(tmp_path / "out", 8)
    engine = pretrain(spec(), tmp_path / "out", data=pictures)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("finished")[0]["step"] == 8
    assert engine.of("stopped_early")[0]["best_step"] == 2
    assert hashes(tmp_path / "out", 8) == before
    state = json.loads((tmp_path / "out" / "step-00000008" / "trainer" / "state.json").read_text())
    assert state["early_stopping"]["waited"] == 3


def test_a_measure_that_cannot_end_a_run_is_refused() -> None:
    with pytest.raises(SpecError, match="no measure of an evaluation"):
        validate(spec(early_stopping={"metric": "eval/perplexity"}))
    with pytest.raises(SpecError, match="no measure of an evaluation"):
        validate(spec(early_stopping={"metric": "train/loss"}))
    with pytest.raises(SpecError, match=r"set training\.evaluate_every"):
        validate(spec(evaluate_every=None))
    assert validate(spec()).training.retention.keep_best == "eval/accuracy"
    other = validate(spec(retention={"keep_best": "eval/loss"}))
    assert other.training.retention.keep_best == "eval/loss"
