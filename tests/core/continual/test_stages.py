"""A job with ``continual`` goes on from a checkpoint at step 0, and measures itself and the earlier stages."""

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest

from core.spec.estimate import estimate
from core.spec.problems import SpecError, validate
from tests.core.continual.stages import document_of
from tests.core.training.interruptions import hashes
from tests.core.training.reference.jobs import CASES

STEPS = 4


def stage(name: str, *, continual: dict[str, Any] | None = None, scope: str = "weights") -> dict[str, Any]:
    """A short stage of a case; the first one without ``continual``."""
    found = json.loads(json.dumps(CASES[name].document))
    found["training"] |= {"steps": STEPS, "evaluate_every": 2, "checkpoint_every": 2}
    if continual is None:
        return dict(found)
    found["data"]["tokenizer"] = {"kind": "checkpoint"}
    return found | {"continual": continual, "start": {"scope": scope}}


@pytest.fixture
def first(pretrain: Any, tmp_path: Path) -> Path:
    """The checkpoint of the first stage."""
    assert pretrain(stage("masked_lm"), tmp_path / "first").end() == {"exit": 0}
    return tmp_path / "first" / f"step-{STEPS:08d}"


def earlier(path: Path, **data: Path) -> list[str]:
    path.write_text(json.dumps({job: {"data": [str(where)]} for job, where in data.items()}))
    return ["--earlier", str(path)]


def measured(engine: Any) -> dict[tuple[str, str], dict[str, float]]:
    return {(event["of"], event["when"]): event["values"] for event in engine.of("stage_measured")}


ANCESTORS = [{"job": "job_first", "dataset": "ds_" + "0" * 26, "data": CASES["masked_lm"].document["data"]}]


def test_a_stage_begins_at_step_0_with_all_weights_and_measures_the_earlier_ones(
    first: Path, pretrain: Any, corpus: Path, tmp_path: Path
) -> None:
    spec = stage("masked_lm", continual={"ancestors": ANCESTORS})
    data = earlier(tmp_path / "earlier.json", job_first=corpus)
    engine = pretrain(spec, tmp_path / "second", "--start", str(first), *data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("started")[0]["resumed_from_step"] == 0
    values = measured(engine)
    assert set(values) == {("self", "fresh"), ("self", "start"), ("self", "end"), ("job_first", "end")}
    losses = {moment: found["eval/loss"] for moment, found in values.items()}
    assert all(map(math.isfinite, losses.values()))
    assert losses["self", "fresh"] != losses["self", "start"]
    # The data are the same, so both held-out parts are.
    assert losses["job_first", "end"] == losses["self", "end"]
    assert losses["self", "end"] == engine.of("finished")[0]["values"]["eval/loss"]


def test_a_stage_that_is_killed_ends_with_the_same_bits(
    first: Path, pretrain: Any, corpus: Path, tmp_path: Path
) -> None:
    spec = stage("masked_lm", continual={"ancestors": ANCESTORS})
    data = earlier(tmp_path / "earlier.json", job_first=corpus)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = pretrain(spec, straight, "--start", str(first), *data)
    assert whole.end() == {"exit": 0}
    for dies_at in (1, 3):
        killed = pretrain(spec, broken, "--start", str(first), *data, dies_at=dies_at)
        assert killed.end() == {"signal": signal.SIGKILL}
    last = pretrain(spec, broken, "--start", str(first), *data)
    assert last.end() == {"exit": 0}
    assert hashes(broken, STEPS) == hashes(straight, STEPS)
    ends = {key: value for key, value in measured(whole).items() if key[1] == "end"}
    assert {key: value for key, value in measured(last).items() if key[1] == "end"} == ends


def test_data_of_an_ancestor_that_were_not_named_are_refused(
    first: Path, pretrain: Any, tmp_path: Path
) -> None:
    spec = stage("masked_lm", continual={"ancestors": ANCESTORS})
    engine = pretrain(spec, tmp_path / "second", "--start", str(first))
    assert engine.end() == {"exit": 64}
    assert engine.of("failed")[0]["code"] == "earlier_data_missing"


def test_an_ancestor_without_a_dataset_is_passed_over(first: Path, pretrain: Any, tmp_path: Path) -> None:
    gone = [{"job": "job_first", "dataset": None}]
    spec = stage("masked_lm", continual={"ancestors": gone})
    engine = pretrain(spec, tmp_path / "second", "--start", str(first))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert {of for of, _ in measured(engine)} == {"self"}


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"start": None}, "continual", "continual_without_start"),
        ({"start": {"scope": "encoder"}}, "start.scope", "continual_scope"),
        ({"start": {"scope": "tokenizer"}}, "start.scope", "continual_scope"),
        ({"continual": {"adapters": {}, "ewc": {}}}, "continual", "methods_do_not_combine"),
        ({"continual": {"adapters": {}, "lwf": {}}}, "continual", "methods_do_not_combine"),
    ],
)
def test_blocks_that_say_nothing_together_are_refused(changes: dict[str, Any], param: str, code: str) -> None:
    document = stage("masked_lm", continual={}) | changes
    if changes.get("start", {}) is None:
        del document["start"]
        del document["data"]["tokenizer"]
    with pytest.raises(SpecError) as refused:
        validate(document)
    assert [(problem.param, problem.code) for problem in refused.value.problems] == [(param, code)]


@pytest.mark.parametrize(
    ("name", "continual", "param", "code"),
    [
        ("dcgan", {"ewc": {}}, "continual.ewc", "ewc_unfit"),
        ("contrastive", {"lwf": {}}, "continual.lwf", "lwf_unfit"),
        ("text_classification-gpt2", {"lwf": {}}, "continual.lwf", "lwf_unfit"),
        ("masked_lm", {"replay": {"balance": "class"}}, "continual.replay.balance", "replay_balance_unfit"),
        (
            "token_classification",
            {"replay": {"balance": "class"}},
            "continual.replay.balance",
            "replay_balance_unfit",
        ),
        ("dcgan", {"replay": {"choose": "herding"}}, "continual.replay.choose", "herding_unfit"),
    ],
)
def test_methods_that_do_not_fit_the_task_are_refused(
    name: str, continual: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(SpecError) as refused:
        validate(document_of(name, continual=continual))
    assert [(problem.param, problem.code) for problem in refused.value.problems] == [(param, code)]


def test_the_estimate_counts_what_the_methods_keep() -> None:
    none, ewc, lwf, both = (
        estimate(validate(document_of("masked_lm", continual=continual)))
        for continual in ({}, {"ewc": {}}, {"lwf": {}}, {"ewc": {}, "lwf": {}})
    )
    weights = none.parameters
    assert ewc.memory_bytes - none.memory_bytes == 3 * 4 * weights
    assert lwf.memory_bytes - none.memory_bytes == 4 * weights
    assert both.memory_bytes - none.memory_bytes == 4 * 4 * weights
    assert both.parameters == weights
