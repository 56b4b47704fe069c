"""How training ends, warnings, and reported rates."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.objectives.base import Concern
from core.training import loop
from core.training.batches import BatchStream
from core.training.loop import Meter, train
from tests.core.training.reference.jobs import CASES
from tests.core.training.runs import open_run


def document(**training: Any) -> dict[str, Any]:
    found = copy.deepcopy(CASES["rotation"].document)
    found["training"] |= training
    return found


def checkpoints(told: Sequence[dict[str, Any]]) -> list[int]:
    return [one["step"] for one in told if one["event"] == "checkpoint"]


@pytest.mark.parametrize(("asked_at", "ending", "step"), [(2, "stopped", 2), (5, "completed", 5)])
def test_a_stop_ends_the_step_writes_a_checkpoint_and_ends_the_run(
    asked_at: int,
    ending: str,
    step: int,
    pictures: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = BatchStream.take
    with open_run(document(checkpoint_every=None), pictures, tmp_path, cache) as (run, told):

        def watched(self: BatchStream, number: int) -> Any:
            run.stop.requested = number == asked_at
            return take(self, number)

        monkeypatch.setattr(BatchStream, "take", watched)
        assert train(run) == ending
        assert run.step == step
    assert checkpoints(told) == [step]
    assert (tmp_path / f"step-{step:08d}" / "manifest.json").exists()


@pytest.mark.parametrize("on_collapse", ["warn", "pause"])
def test_a_warning_is_reported_once_while_it_lasts_and_again_when_it_returns(
    on_collapse: str, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {1: ["odd"], 2: ["odd"], 3: [], 4: ["odd", "worse"], 5: ["worse"]}
    settings = document(evaluate_every=1, checkpoint_every=None, on_collapse=on_collapse)
    with open_run(settings, pictures, tmp_path, cache) as (run, told):
        monkeypatch.setattr(
            run.objective, "concerns", lambda values: [Concern(code, f"{code}!") for code in found[run.step]]
        )
        ending = train(run)
    warned = [one["code"] for one in told if one["event"] == "warning"]
    if on_collapse == "warn":
        assert ending == "completed"
        assert sorted(warned) == ["odd", "odd", "worse"]
        assert checkpoints(told) == [5]
    else:
        assert ending == "paused"
        assert warned == ["odd"]
        assert checkpoints(told) == [1], "a person who looks can go on from here"


def test_a_resumed_run_continues_after_the_step_of_its_checkpoint(
    pictures: Path, cache: Path, tmp_path: Path
) -> None:
    with open_run(document(), pictures, tmp_path, cache) as (run, told):
        run.step = 3
        train(run)
    assert told.steps_of("train/loss") == [4, 5]


def test_rates_are_those_since_the_last_reading(
    sentences: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now)
    settings = copy.deepcopy(CASES["masked_lm"].document)
    with open_run(settings, sentences, tmp_path, cache) as (run, _):
        parts = run.batches.make(1)
        meter = Meter(run)
        for _ in range(3):
            meter.count(parts)
        run.batches.seconds_waited += 1.0
        now = 104.0
        values = meter.read()
        assert values["train/samples_per_s"] == pytest.approx(3 * 8 / 4)
        assert values["train/tokens_per_s"] == pytest.approx(3 * 8 * 24 / 4)
        assert values["train/data_wait_fraction"] == pytest.approx(0.25)
        meter.count(parts)
        now = 110.0  # an evaluation, which does not count
        meter.restart()
        meter.count(parts)
        now = 111.0
        assert meter.read()["train/samples_per_s"] == pytest.approx(8)


def test_samples_show_the_first_evaluated_inputs(
    pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = copy.deepcopy(CASES["masked_autoencoder"].document)
    job["training"] |= {"evaluation_sequences": 10, "evaluate_every": 2}
    asked: list[tuple[bool, list[int]]] = []
    with open_run(job, pictures, tmp_path, cache) as (run, told):
        show = run.objective.show
        monkeypatch.setattr(
            run.objective,
            "show",
            lambda samples, ids: (asked.append((samples is run.held_out, ids.tolist())), show(samples, ids))[
                1
            ],
        )
        train(run)
        count = len(run.held_out)
    shown = [one for one in told if one["event"] == "sample"]
    assert [one["step"] for one in shown] == [2, 4, 5]
    assert all(Path(one["path"]).stat().st_size == one["bytes"] for one in shown)
    assert asked == [(True, (np.arange(10) * count // 10).tolist())] * 3
