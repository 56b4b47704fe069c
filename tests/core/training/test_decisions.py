"""``auto``: decided by trial steps without side effects, reported, and never decided twice."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data import data_files
from core.data.text import prepare
from core.events import Events
from core.spec.job import JobSpec
from core.training import trials
from core.training.decisions import Decisions, Reason
from core.training.devices import Place
from core.training.trials import Trial, decide_compile, decide_precision
from tests.core.training.interruptions import hashes, points

PLACE = Place(torch.device("cpu"), "some cpu", "bf16")


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def decisions(tmp_path: Path, told: list[Any]) -> Decisions:
    return Decisions(Events(told.append), tmp_path, "fingerprint")


@pytest.fixture
def job(spec: dict[str, Any]) -> JobSpec:
    spec["training"] |= {"steps": 1000, "precision": "auto", "compile": "auto", "batch_size": "auto"}
    return JobSpec.model_validate(spec)


def test_decisions_are_kept_for_the_same_run_only(
    decisions: Decisions, job: JobSpec, tmp_path: Path, told: list[Any]
) -> None:
    assert decisions.read() == {}
    decisions.make("precision", "bf16", Reason("faster", "It is faster."), {"bf16_step_s": 1.0})
    decisions.make("batch_size", 24, Reason("fits", "It fits."))
    assert [(e["event"], e["name"], e["choice"], e["measured"]) for e in told] == [
        ("decision", "precision", "bf16", {"bf16_step_s": 1.0}),
        ("decision", "batch_size", 24, {}),
    ]
    again = Decisions(Events(), tmp_path, "fingerprint")
    again.adopt(job, again.read())
    settled = again.apply(job).training
    assert (settled.precision, settled.batch_size, settled.compile) == ("bf16", 24, "auto")
    assert settled.sequences_per_step == 24
    assert Decisions(Events(), tmp_path, "another").read() == {}
    again.forget()
    assert again.read() == {}


def test_the_first_source_counts_and_only_for_what_the_spec_leaves_open(
    decisions: Decisions, job: JobSpec
) -> None:
    fixed = job.model_copy(update={"training": job.training.model_copy(update={"precision": "fp32"})})
    decisions.adopt(fixed, {"precision": "bf16", "compile": True}, {"compile": False, "batch_size": 8})
    assert decisions.choices == {"compile": True, "batch_size": 8}


@pytest.mark.parametrize(
    "wrong", [{"batch_size": "8"}, {"batch_size": True}, {"compile": 1}, {"precision": None}]
)
def test_invalid_decisions_are_ignored(decisions: Decisions, job: JobSpec, wrong: dict[str, Any]) -> None:
    decisions.adopt(job, wrong)
    assert decisions.choices == {}


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[Any, float]:
    """Replaces the timing: seconds of a step by precision and whether it is compiled."""
    seconds: dict[Any, float] = {}
    compiled: list[bool] = []

    def step(self: Trial) -> float:
        return seconds["compiled" if compiled else self.place.precision]

    monkeypatch.setattr(Trial, "step", step)
    monkeypatch.setattr(trials, "compile_or_fall_back", lambda *_: not compiled.append(True))
    return seconds


@pytest.mark.parametrize(
    ("bf16", "fp32", "choice"),
    [(1.0, 3.0, "bf16"), (1.0, 0.9, "bf16"), (1.0, 0.85, "bf16"), (1.0, 0.7, "fp32")],
)
def test_bf16_loses_only_by_a_wide_margin(
    bf16: float,
    fp32: float,
    choice: str,
    timed: Any,
    decisions: Decisions,
    job: JobSpec,
    corpus: Path,
    cache: Path,
    told: list[Any],
) -> None:
    timed |= {"bf16": bf16, "fp32": fp32}
    data = prepare(data_files([corpus]), job.data, cache)
    assert decide_precision(job, data, PLACE, decisions) == choice == told[-1]["choice"]
    assert told[-1]["measured"] == {"bf16_step_s": bf16, "fp32_step_s": fp32}


def test_bf16_that_is_emulated_is_tried_once(
    decisions: Decisions, job: JobSpec, corpus: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def step(self: Trial) -> float:
        steps.append(self.place.precision)
        return 60.0 if self.place.precision == "bf16" else 4.0

    monkeypatch.setattr(Trial, "step", step)
    data = prepare(data_files([corpus]), job.data, cache)
    assert decide_precision(job, data, PLACE, decisions) == "fp32"
    assert sorted(steps) == ["bf16", "fp32"]


def test_a_device_without_bf16_and_a_short_run_are_not_measured(
    timed: Any, decisions: Decisions, job: JobSpec, told: list[Any]
) -> None:
    nothing: Any = None  # a trial would need data
    assert decide_precision(job, nothing, Place(PLACE.device, "old", "fp32"), decisions) == "fp32"
    short = job.model_copy(update={"training": job.training.model_copy(update={"steps": 20})})
    assert decide_precision(short, nothing, PLACE, decisions) == "bf16"
    assert ["no bf16" in told[0]["reason"], "too few" in told[1]["reason"]] == [True, True]


@pytest.mark.parametrize(
    ("eager", "compiled", "choice"),
    [(0.01, 0.001, False), (1.0, 0.5, True), (1.0, 0.95, False), (1.0, 2.0, False)],
)
def test_compiling_must_pay_within_the_run(
    eager: float,
    compiled: float,
    choice: bool,  # noqa: FBT001 - given by name
    timed: Any,
    decisions: Decisions,
    job: JobSpec,
    corpus: Path,
    cache: Path,
) -> None:
    timed |= {"bf16": eager, "compiled": compiled}
    data = prepare(data_files([corpus]), job.data, cache)
    assert decide_compile(job, data, PLACE, decisions) is choice is decisions.choices["compile"]


def test_a_trial_is_a_real_step_on_separate_networks(job: JobSpec, corpus: Path, cache: Path) -> None:
    data = prepare(data_files([corpus]), job.data, cache)
    with trials.trial(job, data, PLACE) as tried:
        before = {name: p.detach().clone() for name, p in tried.objective.named_parameters()}
        assert tried.step() > 0
        assert not any(torch.equal(before[name], p) for name, p in tried.objective.named_parameters())
        assert tried.batch.samples == 8
    with trials.trial(job, data, PLACE) as again:
        assert all(torch.equal(before[name], p) for name, p in again.objective.named_parameters())


def test_a_run_on_auto_has_the_bits_of_a_run_with_its_decisions_in_the_spec(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    wanted = {"precision": "auto", "compile": "auto", "batch_size": "auto", "ema_decay": 0.9}
    wanted |= {"optimizer": {"kind": "muon", "layer_decay": 0.8}, "steps": 8, "sequence_length": 256}
    wanted["schedule"] = {"kind": "warmup_stable_decay", "warmup_steps": 2}
    job = {**spec, "training": spec["training"] | wanted}
    out = tmp_path / "auto"
    engine = pretrain(job, out)
    engine.until("metrics", 2)
    engine.signal(signal.SIGKILL)
    engine.end()
    told = {event["name"]: event["choice"] for event in engine.of("decision")}
    assert told.keys() == {"precision", "compile", "batch_size"}
    assert told["compile"] is False
    assert told["batch_size"] >= 2
    assert not list(out.glob("step-*"))  # it starts over, with the same choices

    engine = pretrain(job, out)
    engine.until("metrics", 5)
    assert not engine.of("decision")
    engine.signal(signal.SIGKILL)
    engine.end()
    assert pretrain(job, out).end() == {"exit": 0}

    named = {**job, "training": job["training"] | told}
    assert pretrain(named, tmp_path / "named").end() == {"exit": 0}
    assert hashes(out, 8) == hashes(tmp_path / "named", 8)
    assert points(out) == points(tmp_path / "named")
    averaged = [
        folder / "step-00000008" / "ema" / "model.safetensors" for folder in (out, tmp_path / "named")
    ]
    assert averaged[0].read_bytes() == averaged[1].read_bytes()
    assert averaged[0].read_bytes() != (averaged[0].parents[1] / "model.safetensors").read_bytes()
    assert {(8, "eval/loss"), (8, "eval/ema_loss")} <= points(out).keys()
    state = json.loads((out / "step-00000008" / "trainer" / "state.json").read_text())
    assert state["decisions"] == told
    assert state["spec"]["training"]["batch_size"] == "auto"


def test_decisions_can_be_passed_in(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    spec["training"] |= {"batch_size": "auto", "steps": 2, "schedule": {"kind": "constant"}}
    engine = pretrain(spec, tmp_path / "out", "--decided", '{"batch_size": 6, "precision": "bf16"}')
    assert engine.end() == {"exit": 0}
    assert not engine.of("decision")
    state = json.loads((tmp_path / "out" / "step-00000002" / "trainer" / "state.json").read_text())
    assert state["decisions"] == {"batch_size": 6}  # the spec names its precision itself
    assert state["environment"]["precision"] == "fp32"
