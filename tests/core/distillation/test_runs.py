"""A student learns from a teacher: of the same task by its logits, of another by what is inside its encoder."""

import dataclasses
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM

from core.checkpoints.manifest import MANIFEST, describe_files, read_manifest
from core.data import data_files, prepare_for
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.teachers.observed import Observed
from tests.core.continual.stages import last
from tests.core.continual.test_scenarios import COLOURS, coloured
from tests.core.continual.test_scenarios import job as stage
from tests.core.distillation.students import STEPS, job, student
from tests.core.training.interruptions import hashes
from tests.core.training.reference.jobs import CASES

ALL = {"hidden": {"loss": "mse"}, "relations": {}, "features": {}}
MATCHED = {
    "masked_lm": ALL,
    "causal_lm-llama": ALL,
    "image_classification-resnet": {"hidden": {}, "features": {}},
    "text_classification-t5": ALL,
    "token_classification-gpt2": {"relations": {}},
    "audio_classification": ALL,
    "audio_classification-wav2vec2": {"features": {}},
}
"""What is matched beside the logits, by the case: kinds of tokens, of attention and of blocks."""


@pytest.mark.parametrize("case", MATCHED)
def test_a_student_learns_from_a_teacher_of_its_task(
    case: str, taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    teacher = taught(case)
    spec = student(case, {"logits": 2.0, "task": 0.25, **MATCHED[case]})
    spec["training"]["gradient_clip"] = None
    engine = pretrain(spec, tmp_path / "student", "--teacher", str(teacher), data=data(case))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    for event in engine.of("metrics"):
        values = {name: value for name, value in event["values"].items() if name.startswith("train/")}
        if not values:
            continue
        parts = [values[f"train/{name}_loss"] for name in MATCHED[case]]
        assert all(part > 0 for part in parts)
        total = 2.0 * values["train/logits_loss"] + 0.25 * values["train/own_loss"] + sum(parts)
        assert values["train/loss"] == pytest.approx(total, rel=1e-5)


def test_a_network_that_learns_from_itself_differs_in_nothing(
    taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    case = "masked_lm"
    teacher = taught(case)
    spec = student(case, {"hidden": {}, "relations": {}}, start={"scope": "weights"})
    spec["model"] |= {"dropout": 0.0}
    spec["data"] |= {"tokenizer": {"kind": "checkpoint"}}
    engine = pretrain(
        spec, tmp_path / "student", "--teacher", str(teacher), "--start", str(teacher), data=data(case)
    )
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    values = engine.of("metrics")[0]["values"]
    for name in ("logits_loss", "hidden_loss", "relations_loss"):
        assert values[f"train/{name}"] == pytest.approx(0.0, abs=1e-5)


def test_a_compiled_student_learns_the_same(taught: Any, pretrain: Any, data: Any, tmp_path: Path) -> None:
    """Where there is no compiler, what the trial of compiling computed is no part of the first step either."""
    case, first = "masked_lm", []
    teacher = ("--teacher", str(taught(case)))
    for compiles in (False, True):
        spec = student(case, {"hidden": {}, "features": {}})
        spec["model"] |= {"dropout": 0.0}
        spec["training"]["compile"] = compiles
        engine = pretrain(spec, tmp_path / str(compiles), *teacher, data=data(case))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        first.append(engine.of("metrics")[0]["values"])
    for name in ("loss", "hidden_loss", "features_loss"):
        assert first[1][f"train/{name}"] == pytest.approx(first[0][f"train/{name}"], rel=1e-4)


@pytest.mark.parametrize(
    ("case", "before"),
    [
        ("image_classification", "masked_autoencoder"),
        ("contrastive", "image_classification"),
        ("audio_classification-wav2vec2", "wav2vec2"),
    ],
)
def test_features_are_learned_from_an_encoder_of_another_task(
    case: str, before: str, taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    teacher = taught(before)
    spec = student(case, {"logits": 0, "features": {"learning_rate": 0.05}})
    engine = pretrain(spec, tmp_path / "student", "--teacher", str(teacher), data=data(case))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    losses = [
        event["values"]["train/features_loss"]
        for event in engine.of("metrics")
        if "train/features_loss" in event["values"]
    ]
    assert losses[-1] < losses[0]


def test_a_killed_student_ends_with_the_same_bits(
    taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    case = "masked_lm"
    teacher = ("--teacher", str(taught(case)))
    spec = student(case, ALL)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec, straight, *teacher, data=data(case)).end() == {"exit": 0}
    for dies_at in (2, 4):
        killed = pretrain(spec, broken, *teacher, data=data(case), dies_at=dies_at)
        assert killed.end() == {"signal": signal.SIGKILL}
    assert pretrain(spec, broken, *teacher, data=data(case)).end() == {"exit": 0}
    assert hashes(broken, STEPS) == hashes(straight, STEPS)


@pytest.mark.parametrize("case", ["masked_lm", "image_classification-resnet", "text_classification-t5"])
def test_half_a_teacher_begins_with_its_blocks_and_opens_by_itself(
    case: str, taught: Any, pretrain: Any, data: Any, tmp_path: Path, own_modules: Path
) -> None:
    deeper = {"depths": [2, 3]} if case.endswith("resnet") else {}
    teacher = taught(case, **deeper)
    spec = student(case, {"student": "every_other"}, model={})
    spec["training"] |= {"steps": 1, "evaluate_every": None, "schedule": {}}
    spec["training"]["optimizer"] = {"learning_rate": 1e-12, "weight_decay": 0.0}
    engine = pretrain(spec, tmp_path / "student", "--teacher", str(teacher), data=data(case))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    folder = tmp_path / "student" / "step-00000001"
    own, theirs = (load_file(one / "model.safetensors") for one in (folder, teacher))
    assert len(own) < len(theirs)
    for name, tensor in own.items():
        if "running" not in name and "num_batches" not in name:
            # The first of two or three blocks is the student's only one, by the same name.
            assert (tensor - theirs[name]).abs().max() < 1e-5, name
    if case == "masked_lm":
        opened = AutoModelForMaskedLM.from_pretrained(folder)
        assert opened.config.num_hidden_layers == 1


def test_what_a_teacher_cannot_teach_is_said(taught: Any, pretrain: Any, data: Any, tmp_path: Path) -> None:
    teacher = taught("masked_lm")
    without = pretrain(student("masked_lm", {}), tmp_path / "one", data=data("masked_lm"))
    assert without.end() == {"exit": 64}
    assert without.of("failed")[0]["code"] == "teacher_missing"
    options = ("--teacher", str(teacher))
    spec = student("masked_lm", {}) | {"data": {"tokenizer": {"kind": "byte"}}}
    other = pretrain(spec, tmp_path / "two", *options, data=data("masked_lm"))
    assert other.end() == {"exit": 64}
    problem = other.of("failed")[0]["details"]["problems"][0]
    assert (problem["param"], problem["code"]) == ("data.tokenizer.kind", "teacher_unfit")
    (teacher / "model.safetensors").write_bytes(b"")
    damaged = pretrain(student("masked_lm", {}), tmp_path / "three", *options, data=data("masked_lm"))
    assert damaged.end() == {"exit": 65}
    assert damaged.of("failed")[0]["code"] == "checkpoint_damaged"


def turn_classes(folder: Path) -> None:
    """Number the classes of a checkpoint the other way round."""
    config = json.loads((folder / "config.json").read_text())
    names = [config["id2label"][key] for key in sorted(config["id2label"], key=int)]
    config["id2label"] = {str(number): name for number, name in enumerate(reversed(names))}
    config["label2id"] = {name: number for number, name in enumerate(reversed(names))}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    head = {
        name: tensor for name, tensor in weights.items() if len(tensor) == len(names) and "classifier" in name
    }
    assert head
    save_file(
        weights | {name: tensor.flip(0).contiguous() for name, tensor in head.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    manifest = dataclasses.replace(read_manifest(folder), files=describe_files(folder))
    (folder / MANIFEST).write_bytes(manifest.encode())


def test_classes_are_matched_by_their_names(taught: Any, pretrain: Any, data: Any, tmp_path: Path) -> None:
    """A teacher whose classes are numbered the other way round, as its files say, teaches the same."""
    case = "text_classification-t5"
    teacher = taught(case)
    turned = tmp_path / "turned"
    shutil.copytree(teacher, turned)
    turn_classes(turned)
    losses = []
    for name, one in (("as", teacher), ("turned", turned)):
        spec = student(case, {}, model={"architecture": "t5", "layers": 1, "hidden_size": 16, "heads": 2})
        engine = pretrain(spec, tmp_path / name, "--teacher", str(one), data=data(case))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        values = [event["values"] for event in engine.of("metrics")]
        losses.append([one["train/logits_loss"] for one in values if "train/logits_loss" in one])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_features_are_learned_from_a_teacher_that_knows_fewer_classes(pretrain: Any, tmp_path: Path) -> None:
    one = coloured(tmp_path / "one.zip", "red", "green")
    four = coloured(tmp_path / "four.zip", *COLOURS)
    assert pretrain(stage(), tmp_path / "teacher", data=one).end() == {"exit": 0}
    spec = stage(class_weights={"blue": 2.0}) | {"distillation": {"logits": 0, "features": {}}}
    engine = pretrain(spec, tmp_path / "student", "--teacher", str(last(tmp_path / "teacher")), data=four)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("metrics")[0]["values"]["train/features_loss"] > 0


@pytest.mark.parametrize("case", ["token_classification", "speech_recognition"])
def test_a_network_computes_without_its_loss(case: str, request: pytest.FixtureRequest, cache: Path) -> None:
    """Also where the batch has targets that it does not know, as those of other data."""
    spec = validate(job(case))
    files = data_files([request.getfixturevalue(CASES[case].data)], spec.task.modality)
    objective = create_objective(spec, prepare_for(spec, files, cache))
    ids = np.arange(2)
    batch = objective.collate(objective.samples("train").rows(ids), ids, 0)
    tensors = dict(batch.tensors) | {"targets": torch.full_like(batch.tensors["targets"], 10_000)}
    assert objective.learned_encoder is not None
    observed = Observed({"last": objective.learned_encoder.blocks[-1]})
    objective.compute(dataclasses.replace(batch, tensors=tensors))
    assert len(observed.take()["last"]) == 1
