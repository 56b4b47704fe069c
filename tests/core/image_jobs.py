"""Small images and jobs on them, for the tests of image tasks."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.data import data_files, sample_indices
from core.data.image import PreparedImages, prepare
from core.objectives.base import Batch, Objective
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.training import TrainingSpec
from core.tasks.objectives import create_objective


def striped_images(path: Path, count: int = 96, side: int = 16) -> Path:
    """A zip of PNGs in two folders: horizontal stripes with noise, and vertical stripes."""
    dice = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            wave = np.sin(np.arange(side) * dice.uniform(0.5, 1.5) + dice.uniform(0, 6))
            picture = np.broadcast_to(wave, (side, side)) if number % 2 else np.tile(wave[:, None], side)
            colours = (
                128 + 80 * picture[:, :, None] * dice.uniform(0.3, 1, 3) + dice.normal(0, 12, (side, side, 3))
            )
            stream = io.BytesIO()
            Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
            archive.writestr(f"{'standing' if number % 2 else 'lying'}/{number:03d}.png", stream.getvalue())
    return path


def image_job(kind: str, **changes: Any) -> dict[str, Any]:
    """A small job with every feature that could break exactness; ``changes`` are merged into ``task``, and those under ``model``,
    ``data`` and ``training`` into these sections."""
    parts = {name: changes.pop(name, {}) for name in ("model", "data", "training")}
    resnet = parts["model"].get("preset", "").startswith("resnet")
    sizes: dict[str, Any] = {} if resnet else {"layers": 2, "hidden_size": 32, "heads": 2, "dropout": 0.1}
    if kind == "rotation" and not resnet:
        sizes["architecture"] = "vit"
    return {
        "name": "small",
        "task": {"kind": kind, **changes},
        "model": sizes | parts["model"],
        "data": {"image": {"size": 16}, "held_out_fraction": 0.25} | parts["data"],
        "training": {
            "steps": 12,
            "batch_size": 8,
            "accumulation_steps": 2,
            "seed": 7,
            "precision": "fp32",
            "schedule": {"kind": "cosine", "warmup_steps": 2},
            "log_every": 1,
            "evaluate_every": 4,
            "evaluation_sequences": 16,
            "checkpoint_every": 3,
        }
        | parts["training"],
        "resources": {"device": "cpu"},
    }


def create(document: dict[str, Any], images: Path, cache: Path) -> tuple[JobSpec, PreparedImages, Any]:
    """A job, its data and its objective."""
    job = validate(document)
    data = prepare(data_files([images], "image"), job.data, cache)
    objective: Objective = create_objective(job, data)
    return job, data, objective


def step_batch(objective: Objective, training: TrainingSpec, step: int) -> Batch:
    """The whole batch of a step, as the run makes it."""
    assert isinstance(training.batch_size, int)
    samples = objective.samples("train")
    ids = sample_indices(training.seed, step, training.batch_size, len(samples))
    return objective.collate(samples.rows(ids), ids, derive_seed(training.seed, "batch", step))
