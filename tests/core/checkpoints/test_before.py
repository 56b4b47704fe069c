"""Checkpoints of an earlier version open, resume, export and fork; ``before/README.md`` says how they were made."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from core.checkpoints.bundle import AVERAGED, OPTIMIZER, STATE, read_optimizer
from core.checkpoints.manifest import verify
from core.checkpoints.optimizer_state import load_state, state_of
from core.checkpoints.resume import recorded
from core.checkpoints.writer import copy_to_host
from core.data import data_files, prepare_for
from core.export.folder import export_checkpoint
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.training.optimizers import create_optimizers
from tests.core.checkpoints.before.make import AT, CASES, HERE, LATER, losses, processor, write_data

LATER_ON: dict[str, Any] = json.loads((HERE / "later.json").read_text())


def unpacked(case: str, directory: Path) -> Path:
    """The checkpoint of a case, and every file of it as its manifest says."""
    folder = directory / f"step-{AT:08d}"
    with zipfile.ZipFile(HERE / f"{case}.zip") as archive:
        archive.extractall(folder)
    assert verify(folder).step == AT
    return folder


def spec_of(folder: Path) -> dict[str, Any]:
    """The spec as the earlier version wrote it down, as a database of that version has it too."""
    spec: dict[str, Any] = json.loads((folder / STATE).read_text())["spec"]
    return spec


def data_of(case: str, directory: Path) -> Path:
    folder = directory / "data"
    folder.mkdir()
    return write_data(case, folder)


def tensor_files(folder: Path) -> dict[str, str]:
    """sha256 of each file of tensors below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.safetensors")
    }


@pytest.mark.parametrize("case", CASES)
def test_the_spec_of_a_checkpoint_is_recorded_as_before(case: str, tmp_path: Path) -> None:
    """Fields that the schema got later do not change it: its fingerprint, by which a run knows its checkpoints, stays."""
    document = spec_of(unpacked(case, tmp_path))
    assert recorded(validate(document)) == document


def test_every_case_has_a_fixture_and_all_are_small() -> None:
    assert {path.stem for path in HERE.glob("*.zip")} == CASES.keys() == LATER_ON["checkpoints"].keys()
    assert max(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < 100_000


@pytest.mark.parametrize("case", CASES)
def test_every_tensor_is_restored_to_the_bit(case: str, tmp_path: Path) -> None:
    folder = unpacked(case, tmp_path)
    job = validate(spec_of(folder))
    files = data_files([data_of(case, tmp_path)], job.task.modality)
    objective = create_objective(job, prepare_for(job, files, tmp_path / "cache"))
    averaged = folder / AVERAGED
    assert averaged.exists() == (job.training.ema_decay is not None)
    for source in (folder, averaged) if averaged.exists() else (folder,):
        objective.restore(source)
        written = tmp_path / f"again-{source.name}"
        written.mkdir()
        objective.export(written, copy_to_host(objective.state_dict()))
        here = {name for name in tensor_files(source) if name != OPTIMIZER and not name.startswith(AVERAGED)}
        assert tensor_files(written) == {name: tensor_files(source)[name] for name in here}
        others = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
        assert others <= {path.relative_to(source).as_posix() for path in source.rglob("*")}

    optimizers = create_optimizers(job.training.optimizer, objective)
    before = load_file(folder / OPTIMIZER)
    load_state(optimizers, read_optimizer(folder))
    found = state_of(optimizers)
    assert found.keys() == before.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("case", CASES)
def test_an_old_checkpoint_resumes_to_the_same_values(case: str, pretrain: Any, tmp_path: Path) -> None:
    folder, out = unpacked(case, tmp_path), tmp_path / "out"
    data = data_of(case, tmp_path)
    engine = pretrain(spec_of(folder), out, "--resume", str(folder), data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("started")[0]["resumed_from_step"] == AT
    assert "data_changed" not in {warning["code"] for warning in engine.of("warning")}
    expected = LATER_ON["checkpoints"][case]
    assert losses(out) == pytest.approx(expected["losses"], rel=1e-3)
    assert sorted(losses(out)) == [str(step) for step in range(AT + 1, LATER + 1)]
    tensors = {name: sha256 for name, sha256 in expected["files"].items() if name.endswith(".safetensors")}
    found = tensor_files(out / f"step-{LATER:08d}")
    assert found.keys() == tensors.keys()
    if processor() == LATER_ON["processor"]:
        assert found == tensors


@pytest.mark.parametrize("case", CASES)
def test_it_opens_in_the_ecosystem(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = unpacked(case, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    own = "auto_map" in config
    network: Any = transformers.AutoModel if own else getattr(transformers, config["architectures"][0])
    options: dict[str, Any] = {"trust_remote_code": True} if own else {}
    if config["architectures"] == ["ViTModel"]:
        options["add_pooling_layer"] = False
    model, report = network.from_pretrained(folder, output_loading_info=True, **options)
    assert not any(report.values()), report
    assert sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("case", ["masked_lm", "contrastive"])
def test_it_is_exported(case: str, tmp_path: Path) -> None:
    folder, out = unpacked(case, tmp_path), tmp_path / "onnx"
    out.mkdir()
    done = export_checkpoint(folder, out).exported
    assert done.check.largest_difference <= done.check.tolerance
    assert (out / "model.onnx").exists()


@pytest.mark.parametrize("case", ["masked_lm", "self_distillation-dino", "gan", "wav2vec2"])
def test_a_fork_of_it_with_other_settings_trains(case: str, pretrain: Any, tmp_path: Path) -> None:
    folder, out = unpacked(case, tmp_path), tmp_path / "out"
    spec = spec_of(folder)
    spec["name"] = "fork"
    spec["training"]["steps"] = LATER + 1
    spec["training"]["optimizer"]["learning_rate"] /= 2
    engine = pretrain(spec, out, "--resume", str(folder), data=data_of(case, tmp_path))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("started")[0]["resumed_from_step"] == AT
    assert verify(out / f"step-{LATER + 1:08d}").step == LATER + 1
