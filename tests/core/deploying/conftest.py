"""Tiny checkpoints of every task, as the engine writes them, in folders that a person would have after a download."""

import copy
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.data import data_files, prepare_for
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.training.reference.jobs import CASES

Made = Callable[[str], Path]


@pytest.fixture(scope="session")
def made(request: pytest.FixtureRequest, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Gives the folder of a case's checkpoint, written once."""
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in folders:
            case = CASES[name]
            document = copy.deepcopy(case.document)
            # Long enough for the examples, which continue a text.
            document["training"]["sequence_length"] = 64
            job: JobSpec = validate(document)
            data: Path = request.getfixturevalue(case.data)
            prepared = prepare_for(job, data_files([data], job.task.modality), cache)
            objective = create_objective(job, prepared)
            folder = tmp_path_factory.mktemp(name) / "model"
            folder.mkdir()
            objective.export(folder, objective.state_dict())
            folders[name] = folder
        return folders[name]

    return make


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a picture and a recording, as the examples name them."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    stream = io.BytesIO()
    soundfile.write(stream, 0.3 * np.sin(np.arange(8000) / 9), 8000, format="WAV")
    (tmp_path / "recording.wav").write_bytes(stream.getvalue())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lay_out(folder: Path, place: Path) -> None:
    """Copy a checkpoint's files into a directory."""
    shutil.copytree(folder, place, dirs_exist_ok=True)
