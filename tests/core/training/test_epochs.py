"""Runs of epochs: their steps are decided once, told, kept, and give the bits of a run of as many steps."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.core.training.interruptions import hashes, points


@pytest.fixture
def epochs(spec: dict[str, Any]) -> dict[str, Any]:
    """Of a fraction of the data: about as many steps as `spec` has."""
    training = {name: value for name, value in spec["training"].items() if name != "steps"}
    return {**spec, "training": training | {"epochs": 0.2, "schedule": {"warmup_steps": 4}}}


def test_a_run_of_epochs_has_the_bits_of_a_run_of_as_many_steps(
    epochs: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    out = tmp_path / "epochs"
    engine = pretrain(epochs, out)
    assert engine.until("started")["steps"] is None
    engine.until("metrics", 2)
    engine.signal(signal.SIGKILL)
    engine.end()
    (decision,) = engine.of("decision")
    (prepared,) = engine.of("prepared")
    steps = decision["choice"]
    assert (decision["name"], decision["code"]) == ("steps", "epochs_in_steps")
    assert prepared["steps"] == steps == -(-prepared["samples"] * 2 // 80)
    assert prepared["steps_per_epoch"] == prepared["samples"] / 8

    engine = pretrain(epochs, out)
    assert engine.end() == {"exit": 0}
    assert engine.of("started")[0]["steps"] == steps
    assert not engine.of("decision")
    assert engine.of("finished")[0]["step"] == steps

    training = {name: value for name, value in epochs["training"].items() if name != "epochs"}
    named = {**epochs, "training": training | {"steps": steps}}
    assert pretrain(named, tmp_path / "steps").end() == {"exit": 0}
    assert hashes(out, steps) == hashes(tmp_path / "steps", steps)
    assert points(out) == points(tmp_path / "steps")
    state = json.loads((out / f"step-{steps:08}" / "trainer" / "state.json").read_text())
    assert state["spec"]["training"]["epochs"] == 0.2
    assert state["decisions"]["steps"] == steps


def test_with_an_automatic_batch_size_the_steps_are_decided_after_it(
    epochs: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    epochs["training"] |= {"batch_size": "auto", "schedule": {"kind": "constant"}, "precision": "auto"}
    epochs["training"] |= {"sequence_length": 256, "compile": "auto", "checkpoint_every": None}
    engine = pretrain(epochs, tmp_path / "out")
    assert engine.end() == {"exit": 0}
    made = [(event["name"], event["choice"]) for event in engine.of("decision")]
    assert [name for name, _ in made] == ["precision", "batch_size", "steps", "compile"]
    samples, chosen = engine.of("prepared")[0]["samples"], dict(made)
    assert chosen["steps"] == max(1, -(-samples // (5 * chosen["batch_size"])))
    assert engine.of("finished")[0]["step"] == chosen["steps"]


def test_a_field_that_does_not_fit_the_steps_is_a_clear_failure(
    epochs: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    epochs["training"]["schedule"] = {"warmup_steps": 5000}
    for _ in range(2):  # the second time, the steps are known already
        engine = pretrain(epochs, tmp_path / "out")
        assert engine.end() == {"exit": 64}
        (failed,) = engine.of("failed")
        assert failed["code"] == "spec_invalid"
        (problem,) = failed["details"]["problems"]
        assert problem["code"] == "more_than_steps"
        assert "schedule.warmup_steps (5000) must be at most steps" in failed["message"]


def test_a_fork_has_steps_of_its_own_epochs(epochs: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    epochs["training"] |= {"epochs": 0.05, "schedule": {"kind": "constant"}}
    first = pretrain(epochs, tmp_path / "first")
    assert first.end() == {"exit": 0}
    step = first.of("finished")[0]["step"]
    start = str(tmp_path / "first" / f"step-{step:08}")

    more = {**epochs, "training": epochs["training"] | {"epochs": 0.1}}
    fork = pretrain(more, tmp_path / "fork", "--start", start)
    assert fork.end() == {"exit": 0}
    samples = fork.of("prepared")[0]["samples"]
    assert fork.of("started")[0]["resumed_from_step"] == step
    assert fork.of("finished")[0]["step"] == -(-samples // 80) > step

    resumed = pretrain(more, tmp_path / "resumed", "--resume", start)
    assert resumed.end() == {"exit": 0}
    assert hashes(tmp_path / "resumed", -(-samples // 80)) == hashes(tmp_path / "fork", -(-samples // 80))

    same = pretrain(epochs, tmp_path / "same", "--start", start)
    assert same.end() == {"exit": 64}
    (failed,) = same.of("failed")
    assert (failed["code"], failed["details"]["case"]) == ("spec_invalid", "steps_done")
    assert "ask for more epochs" in failed["hint"].lower()
