"""Whole runs of every task, compared with the reference loop: losses, weights, averages, evaluation and probes."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.commands.run import Options, run
from core.data import data_files, prepare_for
from core.evaluation.probes import knn_accuracy, linear_accuracy
from core.events import Events
from core.spec.problems import validate
from core.spec.tasks import task_specs
from core.tasks.objectives import create_objective
from tests.core.training.reference.jobs import CASES, STEPS
from tests.core.training.reference.run import Reference


@pytest.fixture(autouse=True)
def _judge_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.evaluation.label_classifier import train_classifier  # noqa: PLC0415 - the one that is replaced

    monkeypatch.setattr(
        "core.tasks.gan.objective.train_classifier",
        lambda network, samples, labels: train_classifier(network, samples, labels, steps=2),
    )


class Engine:
    """A run of the engine in this process, and its events."""

    def __init__(self, document: dict[str, Any], data: Path, directory: Path, cache: Path) -> None:
        spec = directory / "spec.json"
        spec.write_text(json.dumps(document))
        self.options = Options(spec=spec, data=(data,), out=directory / "out", cache=cache, threads=1)
        self.last = directory / "out" / f"step-{STEPS:08d}"
        self.start()

    def start(self) -> None:
        """Run to the end, from the newest checkpoint if there is one."""
        self.told: list[dict[str, Any]] = []
        assert run(self.options, Events(lambda event: self.told.append(dict(event)))) == 0, self.told

    def values(self, step: int) -> dict[str, float]:
        """All logged values of a step."""
        found: dict[str, float] = {}
        for event in self.told:
            if event["event"] == "metrics" and event["step"] == step:
                assert not found.keys() & event["values"].keys()
                found |= event["values"]
        return found


def test_every_task_has_a_reference() -> None:
    kinds = {kind.model_fields["kind"].default for kind in task_specs()}
    assert {case.document["task"]["kind"] for case in CASES.values()} == kinds


@pytest.mark.parametrize("name", CASES)
def test_a_run_equals_a_loop_written_by_hand(
    name: str, request: pytest.FixtureRequest, cache: Path, tmp_path: Path
) -> None:
    case = CASES[name]
    path: Path = request.getfixturevalue(case.data)
    job = validate(case.document)
    data = prepare_for(job, data_files([path], job.task.modality), cache)
    ours = Reference(case, job, create_objective(job, data))
    engine = Engine(case.document, path, tmp_path, cache)
    expected: dict[int, dict[str, float]] = {}
    for step in range(1, STEPS + 1):
        ours.step(step)
        expected[step] = ours.told[-1]
        if step % 2 == 0 or step == STEPS:
            expected[step] |= evaluated(ours)
        clip = job.training.gradient_clip
        assert clip in {None, 5.0} or ours.told[-1]["train/gradient_norm"] > clip, "or clipping is not tested"
    compare(engine, ours, expected, 1)
    # Also from a checkpoint on: an error that always follows a resume would not show in comparisons of two resumed runs.
    shutil.rmtree(engine.last)
    engine.start()
    assert engine.told[0]["resumed_from_step"] == 3
    compare(engine, ours, expected, 4)


def compare(engine: Engine, ours: Reference, expected: dict[int, dict[str, float]], since: int) -> None:
    """Compare all logged values since a step, and the last checkpoint's weights, averages and optimiser state."""
    for step in range(since, STEPS + 1):
        found = engine.values(step)
        for key, value in expected[step].items():
            assert found[key] == pytest.approx(value, rel=1e-4, abs=2e-6), (step, key)
    objective = create_objective(ours.job, ours.objective.data)
    objective.restore(engine.last)
    same_weights(objective, ours)
    averaged = engine.last / "ema"
    assert averaged.exists() == (ours.training.ema_decay is not None)
    if averaged.exists():
        objective.restore(averaged)
        for key, parameter in objective.named_parameters():
            torch.testing.assert_close(parameter.detach(), ours.average[key], rtol=1e-4, atol=5e-6)
    state = load_file(engine.last / "trainer" / "optimizer.safetensors")
    for key, moments in ours.moments.items():
        owner = "main" if "" in ours.case.phases else key.partition(".")[0]
        for quantity, tensor in (("exp_avg", moments.first), ("exp_avg_sq", moments.second)):
            torch.testing.assert_close(state[f"{owner}/{quantity}/{key}"], tensor, rtol=1e-3, atol=1e-6)


def same_weights(engines: Any, ours: Reference) -> None:
    """Compare both states: weights, moving averages, centres, norms' statistics."""
    state = engines.state_dict()
    for key, tensor in ours.objective.state_dict().items():
        if key in {"steps_done", "_steps_done"}:
            assert state[key] == STEPS
        elif "judge" not in key and key != "signs":
            torch.testing.assert_close(
                state[key], tensor, rtol=1e-4, atol=5e-6, msg=lambda text, key=key: f"{key}: {text}"
            )


@torch.no_grad()
def evaluated(ours: Reference) -> dict[str, float]:
    """Metrics of the current weights on evenly spread held-out samples, and probes on all labelled samples."""
    objective = ours.objective
    held_out = objective.samples("held_out")
    asked = [place * len(held_out) // 6 for place in range(min(6, len(held_out)))]
    indices = np.array(asked)
    objective.eval()
    values = {
        key: value
        for key, value in objective.evaluate(held_out, indices, 4 if ours.case.mixes else 6).items()
        if math.isfinite(value) and not key.startswith("eval/frechet")
    }
    if ours.training.ema_decay:
        own = {key: parameter.clone() for key, parameter in ours.trained.items()}
        for key, parameter in ours.trained.items():
            parameter.copy_(ours.average[key])
        averaged = objective.evaluate(held_out, indices, len(indices))
        values["eval/ema_loss"] = averaged["eval/loss"]
        for key, parameter in ours.trained.items():
            parameter.copy_(own[key])
    train = objective.samples("train")
    features = objective.encode(train.rows(np.arange(len(train))))
    measured = objective.measures_representation and features is not None
    if measured and train.labels is not None and held_out.labels is not None:
        labels, truth = torch.tensor(train.labels), torch.tensor(held_out.labels[indices])
        others = objective.encode(held_out.rows(indices))
        values["probe/knn_accuracy"] = knn_accuracy(features, labels, others, truth)
        values["probe/linear_accuracy"] = linear_accuracy(features, labels, others, truth)
    return values
