"""Audio classification: what opens a checkpoint, what a run learns, and resuming to the bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from core.checkpoints.writer import copy_to_host
from core.data import data_files, prepare_for
from core.spec.estimate import estimate
from core.spec.problems import SpecError, validate
from core.tasks.objectives import create_objective
from core.training.optimizers import create_optimizers
from tests.core.conftest import AUDIO_TASKS
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

_AST = {"mel_bins": 16, "patch_size": 4}
_WAVES = {"feature_encoder": AUDIO_TASKS["wav2vec2"]["feature_encoder"], "position_kernel": 8}
FAMILIES = {"ast": _AST, "wav2vec2": _WAVES}
CLASSES = {"ast": "ASTForAudioClassification", "wav2vec2": "Wav2Vec2ForSequenceClassification"}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def job(family: str, spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    task = {"kind": "audio_classification", **FAMILIES[family], **changes.pop("task", {})}
    found = spec | {"task": task, "model": spec["model"] | {"architecture": family}}
    for part, values in changes.items():
        found[part] = found[part] | values
    return found


def made(document: dict[str, Any], recordings: Path, cache: Path) -> tuple[Any, Any]:
    spec = validate(document)
    data = prepare_for(spec, data_files([recordings], "audio"), cache)
    return spec, create_objective(spec, data)


def test_a_checkpoint_answers_in_a_pipeline_with_the_names_of_the_classes(
    family: str, audio_spec: dict[str, Any], recordings: Path, cache: Path, tmp_path: Path
) -> None:
    _, objective = made(job(family, audio_spec), recordings, cache)
    samples = objective.samples("train")
    ids = np.arange(8)
    optimizer = torch.optim.SGD([p for p in objective.parameters() if p.requires_grad], lr=0.05)
    objective(objective.collate(samples.rows(ids), ids, 1)).total.backward()
    optimizer.step()
    objective.eval()
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [CLASSES[family]]
    assert config["id2label"] == {"0": "down", "1": "up"}
    classify = pipeline("audio-classification", str(tmp_path))
    assert type(classify.model).__name__ == CLASSES[family]
    data = objective.data
    lengths = data.index("held_out")[:, 1]
    shorter = int(np.flatnonzero(lengths <= objective.clip)[0])
    with torch.no_grad():
        for number in (shorter, int(np.argmax(lengths))):
            wave = data.recording("held_out", number)[: objective.clip].astype(np.float32) / 32767
            rows = np.zeros(1, dtype=samples._samples.dtype)
            rows["length"], rows["pcm"][0, : len(wave)] = (
                len(wave),
                data.recording("held_out", number)[: len(wave)],
            )
            scores = objective.scores(rows)[0].softmax(0)
            answers = {one["label"]: one["score"] for one in classify(wave)}
            assert [answers[name] for name in data.classes] == pytest.approx(scores.tolist(), abs=2e-3)


def test_parameters_are_counted_without_the_network(
    family: str, audio_spec: dict[str, Any], recordings: Path, cache: Path
) -> None:
    spec, objective = made(job(family, audio_spec), recordings, cache)
    assert estimate(spec, classes=2).parameters == objective.parameter_count


def test_rates_decrease_from_the_head_to_the_embeddings(
    family: str, audio_spec: dict[str, Any], recordings: Path, cache: Path
) -> None:
    document = job(family, audio_spec, training={"optimizer": {"layer_decay": 0.5}})
    spec, objective = made(document, recordings, cache)
    (optimizer,) = create_optimizers(spec.training.optimizer, objective).values()
    rates = {
        id(parameter): group["rate"] for group in optimizer.param_groups for parameter in group["params"]
    }
    blocks = objective.learned_encoder.blocks
    assert {rates[id(p)] for p in objective.model.classifier.parameters()} == {1.0}
    for place, block in enumerate(blocks):
        assert {rates[id(p)] for p in block.parameters()} == {0.5 ** (len(blocks) - place)}
    assert min(rates.values()) == 0.5 ** (len(blocks) + 1)


def test_it_learns(
    family: str, audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    training = {"steps": 120, "optimizer": {"learning_rate": 0.003}, "checkpoint_every": None}
    spec = job(family, audio_spec, training=training)
    engine = pretrain(spec, tmp_path / "out", data=recordings)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("finished")[0]["values"]["eval/accuracy"] > 0.8


def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    family: str, audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    augmentation = {"gain_db": 6.0, "noise_snr_db": [5.0, 20.0], "speed": 0.1, "time_mask": 0.2}
    task = {"augmentation": augmentation, "head_dropout": 0.2, "class_weights": "balanced"}
    spec = job(family, audio_spec, task=task)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = pretrain(spec, straight, data=recordings)
    assert first.end() == {"exit": 0}, first.log.read_text()
    assert first.of("prepared")[0]["groups_held_out"] == 1, "speakers are held out"
    killed_at_three_random_steps(pretrain, spec, broken, data=recordings)
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


def test_settings_that_fit_no_network_are_refused(audio_spec: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="must divide mel_bins"):
        validate(job("ast", audio_spec, task={"patch_size": 5}))
    with pytest.raises(SpecError, match="shorter than one frame"):
        validate(job("wav2vec2", audio_spec, data={"audio": {"clip_seconds": 0.001}}))
    with pytest.raises(SpecError, match="does not train"):
        validate(job("ast", audio_spec) | {"model": {"preset": "bert-mini"}})
