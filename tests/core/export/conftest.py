"""Checkpoints of small networks of every family and head, as the engine writes them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from core.checkpoints.bundle import write_trainer
from core.checkpoints.manifest import MANIFEST, Manifest, describe_files
from core.data import data_files, prepare_for
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.training.reference.jobs import CASES


@dataclass(frozen=True)
class Made:
    """A checkpoint, and the data of its job."""

    directory: Path
    data: Path


Make = Callable[..., Made]


@pytest.fixture
def make(request: pytest.FixtureRequest, cache: Path, tmp_path: Path) -> Make:
    """Makes the checkpoint of one of `CASES`, with fields of ``changes`` in its document.

    A transformer has one block, since tracing takes most of the time of an export; a ModernBERT has two, which differ.
    ``blocks``: another number, or None for that of the document.
    """

    def made(name: str, *, blocks: int | None = 1, **changes: object) -> Made:
        case = CASES[name]
        document = copy.deepcopy(case.document | changes)
        if blocks is not None and "layers" in document["model"] and "modernbert" not in name:
            document["model"]["layers"] = blocks
        job = validate(document)
        data: Path = request.getfixturevalue(case.data)
        objective = create_objective(job, prepare_for(job, data_files([data], job.task.modality), cache))
        directory = tmp_path / "step-00000001"
        directory.mkdir()
        objective.export(directory, objective.state_dict())
        write_trainer(directory, {"moment": torch.zeros(1)}, {"spec": job.model_dump(mode="json")})
        manifest = Manifest(1, "0" * 64, "0" * 64, "2026-01-01T00:00:00Z", {}, describe_files(directory))
        (directory / MANIFEST).write_bytes(manifest.encode())
        return Made(directory, data)

    return made
