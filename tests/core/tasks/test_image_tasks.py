"""Properties of every image task: shapes, counts, the content of a checkpoint, and resuming to the bit."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModel

from core.checkpoints.writer import copy_to_host
from core.errors import EngineError
from core.evaluation.label_classifier import train_classifier
from core.networks.vision import features
from core.spec.estimate import estimate
from core.tasks.colorization.palette import palette
from core.tasks.colorization.spec import COLOUR_CLASSES
from tests.core.tasks.image_tasks import ENCODERS, TASKS, coloured_pictures, create, image_job
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points
from tests.core.training.interruptions import pictures as shown


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


@pytest.fixture(autouse=True)
def _judge_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the training of a GAN's classifier, which has its own test; engines that tests start train it in full."""
    monkeypatch.setattr("core.tasks.gan.objective.train_classifier", partial(train_classifier, steps=5))


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (15, 1)])
@pytest.mark.parametrize("name", TASKS)
def test_batches_of_one_odd_sizes_and_grey_images(
    name: str, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    if "colorization" in name:
        channels = 3
    _, _, objective = create(image_job(name, size=size, channels=channels), pictures, cache)
    samples = objective.samples("train")
    for batch_size in (1, 3):
        ids = np.arange(batch_size)
        batch = objective.collate(samples.rows(ids), ids, 5)
        assert batch.samples == batch_size
        reached: set[str] = set()
        for phase in objective.phases():
            losses = phase.forward(batch)
            assert losses.total.shape == ()
            assert losses.total.isfinite()
            losses.total.backward()
            reached |= {key for key, parameter in objective.named_parameters() if parameter.grad is not None}
        objective.after_step(1)
        trained = {
            key for parameters in objective.optimizers().values() for key, p in parameters if p.requires_grad
        }
        assert reached == trained, "a trained weight that no loss reaches, or the reverse"
    objective.eval()
    with torch.no_grad():
        held_out = objective.samples("held_out")
        values = objective.evaluate(held_out, np.arange(3), 2)
        assert all(np.isfinite(value) for value in values.values())
        assert values == objective.evaluate(held_out, np.arange(3), 2)
        for shown in objective.show(held_out, np.arange(3)):
            assert shown.content.startswith(b"\x89PNG")
        encoded = objective.encode(samples.rows(np.arange(2)))
    if name in ENCODERS:
        assert encoded.shape[0] == 2
        assert encoded.isfinite().all()
    else:
        assert encoded is None


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (48, 1)])
@pytest.mark.parametrize("name", TASKS)
def test_parameters_are_counted_without_the_network(
    name: str, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    channels = 3 if "colorization" in name else channels
    job, _, objective = create(image_job(name, size=size, channels=channels), pictures, cache)
    weight = estimate(job)
    assert weight.parameters == objective.parameter_count
    assert weight.activation_bytes > 0
    assert len(palette()) == COLOUR_CLASSES


@pytest.mark.parametrize("name", TASKS)
def test_the_randomness_of_a_sample_does_not_depend_on_its_batch(
    name: str, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(image_job(name), pictures, cache)
    samples, ids = objective.samples("train"), np.array([4, 9, 2])
    whole = objective.collate(samples.rows(ids), ids, 5).tensors
    alone = objective.collate(samples.rows(ids[1:2]), ids[1:2], 5).tensors
    other = objective.collate(samples.rows(ids), ids, 6).tensors
    assert whole.keys() == alone.keys()
    for key, tensor in whole.items():
        # Several views of a sample stand view by view.
        own = tensor.view(-1, 3, *tensor.shape[1:])[:, 1]
        assert torch.equal(own, alone[key].view(-1, *tensor.shape[1:])), key
    if len(whole) > 1:
        assert any(not torch.equal(whole[key], other[key]) for key in whole)


@pytest.mark.parametrize("name", TASKS)
def test_an_exported_task_is_restored_completely(
    name: str, pictures: Path, cache: Path, tmp_path: Path
) -> None:
    job = image_job(name)
    _, _, objective = create(job, pictures, cache)
    _train_two_steps(objective)
    if "gan" in name:
        objective.eval()
        with torch.no_grad():
            objective.evaluate(objective.samples("held_out"), np.arange(2), 2)  # trains the classifier
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    job["training"]["seed"] += 1
    _, _, other = create(job, pictures, cache)
    other.restore(tmp_path)
    theirs = other.state_dict()
    for key, tensor in objective.state_dict().items():
        assert torch.equal(tensor, theirs[key]), key
    if hasattr(objective, "_step"):
        assert other._step == objective._step == 3

    changed = dict(job["model"])
    changed |= (
        {"widths": [8, 24]}
        if "widths" in changed
        else {"hidden_size": 32}
        if "layers" in changed
        else {"width": 5}
    )
    _, _, wrong = create(job | {"model": changed}, pictures, cache)
    with pytest.raises(EngineError, match="do not fit"):
        wrong.restore(tmp_path)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_checkpoint_opens_as_the_encoder_used_by_probes(
    name: str, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    _, _, objective = create(image_job(name), pictures, cache)
    _train_two_steps(objective)
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, copy_to_host(objective.state_dict()))
    opened = AutoModel.from_pretrained(folder, trust_remote_code="vit" not in name).eval()
    objective.eval()
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    pixels = torch.rand(2, len(preprocessor["image_mean"]), 16, 16)
    with torch.no_grad():
        pooling = getattr(objective, "pooling", "mean")
        assert torch.equal(features(opened, pixels, pooling), features(objective.encoder, pixels, pooling))


SAVED_BESIDE = {
    "dino": {"companion.", "head.", "teacher_head.", "centre", "steps_done"},
    "byol": {"companion.", "head.", "teacher_head.", "predictor.", "steps_done"},
    "gan": {"generator.", "discriminator.", "judge.", "augmentation", "signs", "steps_done"},
}
"""What a resume needs besides the exported network: the other network, heads, moving averages, counters."""


@pytest.mark.parametrize("name", TASKS)
def test_a_run_killed_at_three_random_steps_ends_with_the_bits_of_an_uninterrupted_run(
    name: str, pictures: Path, pretrain: Any, tmp_path: Path
) -> None:
    spec = image_job(
        name, steps=12, log_every=1, evaluate_every=6, evaluation_sequences=6, checkpoint_every=2
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec, straight, data=pictures).end() == {"exit": 0}
    killed_at_three_random_steps(pretrain, spec, broken, data=pictures)
    found = hashes(straight, 12)
    assert hashes(broken, 12) == found
    assert found.keys() >= {"model.safetensors", "trainer/heads.safetensors", "trainer/optimizer.safetensors"}
    assert points(broken) == points(straight)
    assert shown(broken) == shown(straight)
    with safe_open(straight / "step-00000012" / "trainer/heads.safetensors", "pt") as heads:
        saved = list(heads.keys())
    for kind, parts in SAVED_BESIDE.items():
        if kind in name:
            assert all(any(tensor.startswith(part) for tensor in saved) for part in parts)


def _train_two_steps(objective: Any) -> None:
    optimizers = {
        key: torch.optim.SGD([p for _, p in parameters if p.requires_grad], lr=0.01)
        for key, parameters in objective.optimizers().items()
    }
    objective.train()
    samples = objective.samples("train")
    for step in (1, 2):
        ids = np.arange(4) + 4 * step
        batch = objective.collate(samples.rows(ids), ids, step)
        for phase in objective.phases():
            phase.forward(batch).total.backward()
            for key in phase.optimizers:
                optimizers[key].step()
                optimizers[key].zero_grad(set_to_none=True)
        objective.after_step(step)


@pytest.mark.parametrize("name", TASKS)
def test_samples_are_shown_under_autocast_too(name: str, pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job(name), pictures, cache)
    objective.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for sample in objective.show(objective.samples("held_out"), np.arange(2)):
            assert sample.content.startswith(b"\x89PNG")
