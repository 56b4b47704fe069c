"""Stages that bring further classes: what the network answers among, and what is measured of each stage."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from core.checkpoints.bundle import read_hooks
from core.continual.measuring import reading
from core.data import data_files, prepare_for
from core.evaluation.pictures import png
from core.networks.heads import named_classes
from core.spec.problems import validate
from tests.core.continual.stages import last

STEPS = 6
SIDE = 8
COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "grey": (90, 90, 90)}


def coloured(path: Path, *classes: str, brightness: int = 0, named: Mapping[str, str] | None = None) -> Path:
    """A zip with noisy images of one colour in a folder for each class, of both splits.

    Args:
        named: Names of classes in place of that of their colour.
    """
    dice = np.random.default_rng(len(path.name))
    with zipfile.ZipFile(path, "w") as file:
        for name in classes:
            for split, count in (("train", 24), ("test", 8)):
                for number in range(count):
                    noise = dice.integers(-19, 20, (SIDE, SIDE, 3)) + np.array(COLOURS[name]) + brightness
                    content = png(noise.clip(0, 255).astype(np.uint8))
                    file.writestr(f"{split}/{(named or {}).get(name, name)}/{number}.png", content)
    return path


def job(continual: dict[str, Any] | None = None, *, scope: str = "weights", **task: Any) -> dict[str, Any]:
    start = {} if continual is None else {"start": {"scope": scope}, "continual": continual}
    return {
        "name": "stage",
        "task": {"kind": "image_classification", **task},
        "model": {"preset": "mlp-mini", "widths": [8, 8]},
        "data": {"image": {"size": SIDE}},
        "training": {
            "steps": STEPS,
            "batch_size": 16,
            "seed": 3,
            "precision": "fp32",
            "optimizer": {"learning_rate": 0.01, "weight_decay": 0.0},
            "schedule": {"kind": "constant"},
            "log_every": 1,
            "evaluate_every": None,
        },
        "resources": {"device": "cpu"},
        **start,
    }


def values(engine: Any) -> dict[tuple[str, str], dict[str, float]]:
    return {(event["of"], event["when"]): event["values"] for event in engine.of("stage_measured")}


@pytest.fixture
def first(pretrain: Any, tmp_path: Path) -> tuple[Path, Path]:
    """The checkpoint of a stage with the classes red and green, and its data."""
    data = coloured(tmp_path / "first.zip", "red", "green")
    engine = pretrain(job(), tmp_path / "first", data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    return tmp_path / "first" / f"step-{STEPS:08d}", data


class Stages:
    """Runs a second stage that goes on from the first."""

    def __init__(self, first: tuple[Path, Path], pretrain: Any, directory: Path) -> None:
        self._first, self._pretrain, self._directory = first, pretrain, directory

    def second(self, spec: dict[str, Any], data: Path) -> Any:
        checkpoint, earlier = self._first
        spec["continual"]["ancestors"] = [{"job": "first", "data": spec["data"]}]
        where = self._directory / "earlier.json"
        where.write_text(json.dumps({"first": {"data": [str(earlier)]}}))
        options = ("--start", str(checkpoint), "--earlier", str(where))
        return self._pretrain(spec, self._directory / "second", *options, data=data)


@pytest.fixture
def stages(first: tuple[Path, Path], pretrain: Any, tmp_path: Path) -> Stages:
    return Stages(first, pretrain, tmp_path)


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_a_stage_with_further_classes_makes_the_head_larger(
    scenario: str, first: tuple[Path, Path], stages: Stages, tmp_path: Path
) -> None:
    # One class of the first stage, and two that sort before it.
    data = coloured(tmp_path / "second.zip", "blue", "grey", "red", brightness=20)
    engine = stages.second(job({"scenario": scenario}), data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (made,) = (tmp_path / "second").glob("step-*")
    assert named_classes(made) == ("green", "red", "blue", "grey")
    before, after = (load_file(folder / "model.safetensors") for folder in (first[0], made))
    assert after["classifier.weight"].shape == (4, 8)
    # Another answer than those of its stage is never compared, so that nothing draws its row of the head anywhere.
    same = torch.equal(after["classifier.weight"][0], before["classifier.weight"][0])
    assert same == (scenario == "task")
    assert not torch.equal(after["classifier.weight"][1], before["classifier.weight"][1])
    old, new = (json.loads((folder / "preprocessor_config.json").read_text()) for folder in (first[0], made))
    assert new == old, "images of all stages are normalised as the first stage's were"
    found = values(engine)
    assert set(found) == {("self", "fresh"), ("self", "start"), ("self", "end"), ("first", "end")}
    assert not [path for path in (tmp_path / "second").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_further_classes_have_no_information_of_the_stages_before(
    scenario: str, stages: Stages, tmp_path: Path
) -> None:
    data = coloured(tmp_path / "second.zip", "blue", "grey")
    engine = stages.second(job({"scenario": scenario, "ewc": {"samples": 20}}), data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    kept = read_hooks(last(tmp_path / "second"))
    for layer in ("weight", "bias"):
        before, after = (kept[f"ewc.{part}.model.classifier.{layer}"] for part in ("fisher", "next"))
        assert before[:2].any()
        assert not before[2:].any()
        assert after[2:].any()


def test_reports_of_a_known_stage_have_its_classes_alone(stages: Stages, tmp_path: Path) -> None:
    data = coloured(tmp_path / "second.zip", "blue", "grey")
    engine = stages.second(job({"scenario": "task"}), data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (report,) = (
        json.loads(Path(event["path"]).read_text())
        for event in engine.of("sample")
        if event["name"] == "confusion_matrix"
    )
    assert report["classes"] == ["blue", "grey"]


def test_measures_are_those_of_the_possible_answers(tmp_path: Path, cache: Path) -> None:
    spec = validate(job())
    data = prepare_for(spec, data_files([coloured(tmp_path / "all.zip", *COLOURS)], "image"), cache)
    objective: Any = reading(spec, data, [1, 3])
    samples = objective.samples("held_out")
    chosen = np.flatnonzero(np.isin(samples.labels, [1, 3]))
    with torch.no_grad():
        found = objective.evaluate(samples, chosen, 8)
        scores = objective.eval().predictions(samples, chosen, 8)[:, [1, 3]]
    truth = torch.from_numpy(samples.labels[chosen] == 3).long()
    assert found["eval/loss"] == pytest.approx(functional.cross_entropy(scores, truth).item())
    assert found["eval/accuracy"] == pytest.approx((scores.argmax(1) == truth).double().mean().item())


def test_labels_of_every_kind_of_batch_keep_their_stage(stages: Stages, tmp_path: Path) -> None:
    data = coloured(tmp_path / "second.zip", "blue", "grey")
    spec = job({"scenario": "task"}, mixup=0.4, label_smoothing=0.1, class_weights="balanced")
    engine = stages.second(spec, data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    losses = [
        event["values"]["train/loss"] for event in engine.of("metrics") if "train/loss" in event["values"]
    ]
    assert len(losses) == STEPS
    assert all(0 < loss < 1.5 for loss in losses)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (job({"scenario": "domain"}), "every stage has the same classes, and this one brings 'blue'"),
        (job({}, scope="all") | {"training": job()["training"] | {"steps": 2 * STEPS}}, "fresh optimiser"),
    ],
    ids=["domain", "the optimiser's state"],
)
def test_further_classes_that_do_not_fit_are_refused(
    spec: dict[str, Any], says: str, stages: Stages, tmp_path: Path
) -> None:
    engine = stages.second(spec, coloured(tmp_path / "second.zip", "blue", "red"))
    assert engine.end() != {"exit": 0}
    (failed,) = engine.of("failed")
    assert failed["code"] == "checkpoint_mismatch"
    assert says in failed["message"] + failed["hint"]


def test_a_stage_of_one_class_is_refused(stages: Stages, tmp_path: Path) -> None:
    engine = stages.second(job({}), coloured(tmp_path / "second.zip", "blue"))
    assert engine.end() != {"exit": 0}
    assert engine.of("failed")[0]["code"] == "too_few_classes"


def test_the_same_classes_in_another_order_are_the_same_classes(stages: Stages, tmp_path: Path) -> None:
    data = coloured(tmp_path / "second.zip", "green", "red", brightness=30)
    engine = stages.second(job({"scenario": "domain"}), data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert set(values(engine)) >= {("self", "end"), ("first", "end")}
