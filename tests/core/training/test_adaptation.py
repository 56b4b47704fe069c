"""Adaptations in whole runs: resuming to the bit, what a run says of its parameters, and what they go together with."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.checkpoints.bundle import ADAPTER, BASE, write_trainer
from core.checkpoints.resume import recorded
from core.checkpoints.writer import copy_to_host
from core.prediction.opening import open_checkpoint
from core.spec.estimate import estimate
from core.spec.start_rules import misfits
from core.tasks.objectives import create_objective
from core.training.optimizers import create_optimizers
from tests.core.tasks.image_tasks import coloured_pictures, create
from tests.core.tasks.test_image_classification import FAMILIES, taught
from tests.core.tasks.test_image_classification import job as image_classification
from tests.core.training.adaptations import LOGGED, METHODS
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points


def job(method: str, family: str = "vit", **changes: Any) -> dict[str, Any]:
    transformer, resnet = {"layers": 2, "dropout": 0.1}, {"depths": [1, 1], "widths": [8, 16]}
    sizes = {"vit": transformer, "jepa": transformer, "mlp": {"widths": [16, 16, 16]}}
    model: dict[str, Any] = sizes.get(family, resnet)
    return image_classification(family, model=model, **changes) | {
        "name": f"{family} {method}",
        "adaptation": METHODS[method],
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


@pytest.mark.parametrize(
    ("method", "family"),
    [
        *((method, "vit") for method in METHODS),
        ("lora", "resnet-small"),
        ("ia3", "resnet"),
        ("gradual", "jepa"),
    ],
)
def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    method: str, family: str, pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    spec = job(method, family, training=LOGGED | {"ema_decay": 0.9})
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec, straight, data=pictures).end() == {"exit": 0}
    killed_at_three_random_steps(pretrain, spec, broken, data=pictures)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)
    layered = method in {"lora", "dora", "ia3"}
    assert (f"{ADAPTER}/adapter_model.safetensors" in hashes(straight, 12)) == layered
    for folder in (ADAPTER, BASE):
        for file in (straight / "step-00000012").rglob(f"{folder}/*.json"):
            relative = file.relative_to(straight)
            assert file.read_bytes() == (broken / relative).read_bytes(), relative


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_counted_without_the_network(
    family: str, method: str, pictures: Path, cache: Path
) -> None:
    if family.startswith(("resnet", "mlp")) and method in {"adapters", "dora"}:
        return
    document = job(method, family)
    spec, data, objective = create(document, pictures, cache)
    told = estimate(spec, classes=len(data.classes))
    assert told.parameters == objective.parameter_count
    assert told.trainable_parameters == objective.trainable_parameter_count
    full = estimate(spec.model_copy(update={"adaptation": type(spec).model_fields["adaptation"].default}))
    assert told.memory_bytes <= full.memory_bytes
    if method not in {"full", "gradual"}:
        assert told.trainable_parameters < 0.5 * told.parameters
        assert told.memory_bytes < 0.8 * full.memory_bytes


def test_a_run_says_how_many_parameters_it_trains(pretrain: Any, pictures: Path, tmp_path: Path) -> None:
    engine = pretrain(job("lora", training={"steps": 1}), tmp_path / "out", data=pictures)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (prepared,) = engine.of("prepared")
    assert 0 < prepared["trainable_parameters"] < 0.5 * prepared["parameters"]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "full"])
def test_an_encoder_in_training_is_in_evaluation_mode_where_it_is_frozen(
    method: str, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(job(method, training={"steps": 12}), pictures, cache)
    blocks = objective.learned_encoder.blocks
    objective.begin_step(1)
    objective.train()
    assert [block.training for block in blocks] == [method not in {"frozen", "gradual"}] * 2
    assert objective.model.classifier.training
    if method == "gradual":
        for step, modes in ((3, [False, False]), (4, [False, True]), (8, [False, True]), (9, [True, True])):
            objective.begin_step(step)
            assert [block.training for block in blocks] == modes
            trained = [all(p.requires_grad for p in block.parameters()) for block in blocks]
            assert trained == modes
            assert objective.model.vit.layernorm.weight.requires_grad == (step > 3)
            assert objective.model.vit.embeddings.cls_token.requires_grad == (step > 8)
    objective.eval()
    assert not any(module.training for module in objective.modules())


def test_updates_by_low_rank_have_dropout_in_training(pictures: Path, cache: Path) -> None:
    _, _, objective = create(job("lora"), pictures, cache)
    objective.train()
    modules = {name: m for name, m in objective.named_modules() if name.endswith("lora_dropout.default")}
    assert len(modules) == 2 * 6
    assert all(module.training for module in modules.values())


@pytest.mark.parametrize("family", ["resnet-small", "resnet"])
@pytest.mark.parametrize("method", ["frozen", "lora", "ia3"])
def test_batch_norms_of_a_frozen_encoder_keep_their_averages(
    family: str, method: str, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(job(method, family), pictures, cache)
    before = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    objective.train()
    samples, ids = objective.samples("train"), np.arange(8)
    objective(objective.collate(samples.rows(ids), ids, 1)).total.backward()
    assert all(torch.equal(buffer, before[name]) for name, buffer in objective.named_buffers())


@pytest.mark.parametrize("method", ["lora", "dora", "ia3", "adapters"])
def test_rates_decay_with_depth_and_factors_are_not_decayed(method: str, pictures: Path, cache: Path) -> None:
    document = job(method, training={"optimizer": {"layer_decay": 0.5, "weight_decay": 0.1}})
    spec, _, objective = create(document, pictures, cache)
    (optimizer,) = create_optimizers(spec.training.optimizer, objective).values()
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for number, block in enumerate(objective.learned_encoder.blocks):
        rates = {groups[id(p)]["rate"] for p in block.parameters() if p.requires_grad}
        assert rates == {0.5 ** (2 - number)}
    for name, parameter in objective.named_parameters():
        assert (id(parameter) in groups) == parameter.requires_grad
        if "ia3_l" in name or "magnitude" in name or name.endswith("bias"):
            assert id(parameter) not in groups or groups[id(parameter)]["weight_decay"] == 0.0


@pytest.mark.parametrize("method", ["lora", "ia3", "adapters"])
def test_muon_trains_matrices_and_not_factors(method: str, pictures: Path, cache: Path) -> None:
    document = job(method, training={"optimizer": {"kind": "muon"}})
    spec, _, objective = create(document, pictures, cache)
    if method == "ia3":
        with pytest.raises(Exception, match="muon"):
            create_optimizers(spec.training.optimizer, objective)
        return
    optimizers = create_optimizers(spec.training.optimizer, objective)
    trained = {id(p) for o in optimizers.values() for group in o.param_groups for p in group["params"]}
    assert trained == {id(p) for p in objective.parameters() if p.requires_grad}


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides_what_is_added(method: str, pictures: Path, cache: Path) -> None:
    def state(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed + 17)
        _, _, objective = create(job(method, training={"seed": 7}), pictures, cache)
        found: dict[str, torch.Tensor] = copy_to_host(objective.state_dict())
        return found

    one, other = state(0), state(1)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_with_bf16(method: str, pretrain: Any, pictures: Path, tmp_path: Path) -> None:
    training = {"precision": "bf16", "steps": 10, "evaluate_every": 5}
    _goes(pretrain(job(method, training=training), tmp_path / "out", data=pictures))


@pytest.mark.parametrize(
    "adaptation",
    [
        {"method": "lora", "rank": 4},
        {"method": "gradual", "unfreeze": [{"step": 0, "blocks": 0}, {"step": 2, "blocks": 1}]},
    ],
    ids=lambda adaptation: adaptation["method"],
)
def test_a_run_goes_with_compiled_networks(
    adaptation: dict[str, Any], pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    """Compiled again where a block is unfrozen. One block and few steps: the compiler takes most of the time."""
    document = image_classification(
        model={"layers": 1, "dropout": 0.0}, training={"compile": True, "steps": 3, "evaluate_every": 3}
    )
    _goes(pretrain(document | {"adaptation": adaptation}, tmp_path / "out", data=pictures))


def _goes(engine: Any) -> None:
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert [warning["code"] for warning in engine.of("warning")] == []
    assert 0 < engine.of("finished")[0]["values"]["eval/loss"] < 10


def test_a_run_without_peft_does_not_load_it() -> None:
    code = "import sys; import core.commands.run, core.tasks.image_classification.objective; sys.exit('peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", ["frozen", "gradual", "lora", "ia3"])
@pytest.mark.parametrize("family", ["vit", "resnet-small"])
def test_another_job_starts_from_an_adapted_encoder(
    family: str, method: str, pictures: Path, cache: Path, tmp_path: Path
) -> None:
    """It gets the encoder with the updates merged, in full training or under another adaptation."""
    _, _, objective = create(job(method, family), pictures, cache)
    taught(objective)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    pixels = objective.normalised(objective.pixels(objective.samples("train").rows(np.arange(4))))
    with torch.no_grad():
        features = objective.learned_encoder.features(pixels)
    for other in ("full", "lora"):
        spec, data, _ = create(job(other, family, training={"seed": 8}), pictures, cache)
        started = create_objective(spec, data, tmp_path).eval()
        with torch.no_grad():
            found = started.learned_encoder.features(pixels)  # type: ignore[union-attr]
        torch.testing.assert_close(found, features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_an_encoder_that_is_adapted_is_the_checkpoints(
    method: str, pictures: Path, cache: Path, tmp_path: Path
) -> None:
    """What is frozen is what the job starts from, and not what the seed gives."""
    _, _, before = create(job("full", training={"seed": 1}), pictures, cache)
    before.export(tmp_path, copy_to_host(before.state_dict()))
    spec, data, _ = create(job(method), pictures, cache)
    started = create_objective(spec, data, tmp_path)
    weights = {id(p): p for p in before.learned_encoder.body.parameters()}
    found = {tuple(p.shape): p for p in started.adapted.frozen}
    assert (not found) == (method in {"full", "gradual"})
    for parameter in found.values():
        assert any(torch.equal(parameter, p) for p in weights.values() if p.shape == parameter.shape)


def test_no_job_takes_an_encoder_with_adapters(pictures: Path, cache: Path) -> None:
    spec, _, _ = create(job("adapters"), pictures, cache)
    into, _, _ = create(job("full"), pictures, cache)
    (misfit,) = misfits(into, spec, scope="encoder", step=3)
    assert (misfit.param, misfit.code) == ("start.checkpoint", "has_adapters")
    assert misfits(into, into, scope="encoder", step=3) == []
    assert [m.param for m in misfits(into, spec, scope="all", step=3)] == ["adaptation"]


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_opens_for_predictions(method: str, pictures: Path, cache: Path, tmp_path: Path) -> None:
    spec, _, objective = create(job(method), pictures, cache)
    taught(objective)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    write_trainer(tmp_path, {}, {"spec": recorded(spec)})
    described = tmp_path / "described"
    described.mkdir()
    opened = open_checkpoint(tmp_path, described).objective
    rows = objective.samples("train").rows(np.arange(4))
    with torch.no_grad():
        expected, found = objective.eval().encode(rows), opened.encode(rows)
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
