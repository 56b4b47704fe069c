"""Small coloured pictures, and small jobs on them, for the tests of image tasks."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from core.data import data_files
from core.data.image import PreparedImages, prepare
from core.evaluation.pictures import png
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.objectives import create_objective

RESNET = {"preset": "resnet-mini", "depths": [1, 1], "widths": [8, 16]}
VIT = {"preset": "vit-micro", "layers": 1, "hidden_size": 16, "heads": 2}
SMALL_HEADS = {"head_hidden_size": 16, "head_size": 8, "prototypes": 24, "local_crops": 2}
TASKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "contrastive": ({"kind": "contrastive", "projection_size": 8}, RESNET),
    "contrastive-vit": ({"kind": "contrastive", "projection_hidden_size": 12}, VIT),
    "dino": ({"kind": "self_distillation", **SMALL_HEADS}, RESNET),
    "dino-vit": ({"kind": "self_distillation", **SMALL_HEADS, "frozen_prototypes": 0.5}, VIT),
    "byol": ({"kind": "self_distillation", "method": "byol", **SMALL_HEADS}, RESNET),
    "colorization": ({"kind": "colorization"}, RESNET),
    "colorization-vit": ({"kind": "colorization", "target": "regression"}, VIT),
    "autoencoder": ({"kind": "denoising_autoencoder", "code_size": 8}, RESNET),
    "autoencoder-vit": ({"kind": "denoising_autoencoder", "noise": "masking"}, VIT),
    "dcgan": ({"kind": "gan", "latent_size": 6}, {"preset": "dcgan-mini", "width": 4}),
    "resgan": (
        {
            "kind": "gan",
            "r1_weight": 1.0,
            "r1_every": 2,
            "adaptive_augmentation": True,
            "augmentation_images": 50,
        },
        {"preset": "resgan-mini", "width": 4},
    ),
}
ENCODERS = [name for name in TASKS if not name.endswith("gan")]


def coloured_pictures(path: Path, count: int = 64, side: int = 16) -> Path:
    """A zip of PNGs in two folders: discs and squares in one colour on another."""
    dice = np.random.default_rng(0)
    down, across = np.mgrid[:side, :side] - side / 2 + 0.5
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            reach = np.hypot(down, across) if number % 2 else np.maximum(abs(down), abs(across))
            inside = (reach < dice.uniform(0.2, 0.45) * side)[:, :, None]
            colours = dice.integers(0, 256, (2, 3))
            pixels = np.where(inside, colours[0], colours[1]) + dice.integers(-8, 9, (side, side, 3))
            folder = "discs" if number % 2 else "squares"
            archive.writestr(f"{folder}/{number:03d}.png", png(pixels.clip(0, 255).astype(np.uint8)))
    return path


def image_job(name: str, *, size: int = 16, channels: int = 3, **training: Any) -> dict[str, Any]:
    """The job of one of `TASKS`."""
    task, model = TASKS[name]
    model = dict(model)
    if "layers" in model and size % 4:
        model["patch_size"] = 5
    return {
        "name": name,
        "task": task,
        "model": model,
        "data": {"image": {"size": size, "channels": channels}, "held_out_fraction": 0.25},
        "training": {"steps": 6, "batch_size": 8, "accumulation_steps": 2, "seed": 7, "precision": "fp32"}
        | training,
        "resources": {"device": "cpu"},
    }


def create(document: dict[str, Any], pictures: Path, cache: Path) -> tuple[JobSpec, PreparedImages, Any]:
    """A job, its data and its objective."""
    job = validate(document)
    data = prepare(data_files([pictures], "image"), job.data, cache)
    return job, data, create_objective(job, data)
