"""Adaptations of audio networks in whole runs: resuming to the bit, and counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.checkpoints.bundle import write_trainer
from core.checkpoints.resume import recorded
from core.checkpoints.writer import copy_to_host
from core.prediction.opening import open_checkpoint
from core.spec.estimate import estimate
from tests.core.tasks.test_audio_classification import job as audio_classification
from tests.core.tasks.test_audio_classification import made
from tests.core.tasks.test_speech_recognition import RATE, TASK
from tests.core.tasks.test_speech_recognition import job as speech_recognition
from tests.core.tasks.test_speech_recognition import made as recognizer
from tests.core.training.adaptations import LOGGED, METHODS
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

AUDIO = {"sampling_rate": RATE, "group_pattern": "/(?P<group>[a-z])_"}


@pytest.mark.parametrize(
    ("family", "method"),
    [*(("wav2vec2", method) for method in METHODS), ("ast", "gradual"), ("ast", "lora"), ("ast", "adapters")],
)
def test_audio_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    family: str, method: str, audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    spec = _audio(family, method, audio_spec)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    engine = pretrain(spec, straight, data=recordings)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=recordings)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["ast", "wav2vec2"])
def test_parameters_of_audio_are_counted_without_the_network(
    family: str, method: str, audio_spec: dict[str, Any], recordings: Path, cache: Path
) -> None:
    spec, objective = made(_audio(family, method, audio_spec), recordings, cache)
    told = estimate(spec, classes=2)
    assert told.parameters == objective.parameter_count
    assert told.trainable_parameters == objective.trainable_parameter_count


@pytest.mark.parametrize("method", METHODS)
def test_speech_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    method: str, audio_spec: dict[str, Any], pretrain: Any, tones: Path, tmp_path: Path
) -> None:
    spec = speech_recognition(
        audio_spec | {"task": TASK | {"mask_share": 0.3, "mask_length": 2}, "data": {"audio": AUDIO}},
        model={"layers": 2, "dropout": 0.1},
        training=LOGGED | {"steps": 12},
    ) | {"adaptation": METHODS[method]}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    engine = pretrain(spec, straight, data=tones)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=tones)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)


@pytest.mark.parametrize("method", ["frozen", "lora", "adapters"])
def test_speech_learns_with_part_of_its_weights_and_opens(
    method: str, audio_spec: dict[str, Any], tones: Path, cache: Path, tmp_path: Path
) -> None:
    document = speech_recognition(
        audio_spec | {"task": TASK, "data": {"audio": AUDIO}}, training={"steps": 12}
    )
    spec, objective = recognizer(document | {"adaptation": METHODS[method]}, tones, cache)
    train, held_out = objective.samples("train"), objective.samples("held_out")
    ids = np.arange(16)
    batch = objective.collate(train.rows(ids), ids, 1)
    trained = {name for name, parameter in objective.named_parameters() if parameter.requires_grad}
    before = {name: tensor.clone() for name, tensor in objective.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=0.02)
    objective.train()
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = objective(batch).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    changed = {n for n, tensor in objective.state_dict().items() if not torch.equal(tensor, before[n])}
    assert changed
    assert changed <= trained
    objective.eval()
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    write_trainer(tmp_path, {}, {"spec": recorded(spec)})
    described = tmp_path / "described"
    described.mkdir()
    rows = held_out.rows(np.arange(4))
    with torch.no_grad():
        opened = open_checkpoint(tmp_path, described).objective
        torch.testing.assert_close(opened.scores(rows), objective.scores(rows), rtol=1e-4, atol=1e-4)


def _audio(family: str, method: str, audio_spec: dict[str, Any]) -> dict[str, Any]:
    training = LOGGED | {"steps": 12}
    spec = audio_classification(family, audio_spec, training=training, model={"layers": 2, "dropout": 0.1})
    return spec | {"name": f"{family} {method}", "adaptation": METHODS[method]}
