"""Split Fashion-MNIST: five stages of two classes each, learned one after another by a small perceptron.

The setting is that of van de Ven, Tuytelaars and Tolias 2022 (doi 10.1038/s42256-022-00568-3): two layers of 400, Adam with a
constant rate of 0.001, 500 steps a stage, and 128 images of the stage's own in each batch. ``replay`` adds as many of its buffer;
``joint`` keeps all data of the earlier stages, and adds 128 images for each of them. In the scenario ``task`` the stage of a sample is
known and an answer is among its two classes; in the scenario ``class`` it is among all classes so far.
"""

import gzip
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forget.lineage import Runner, Stage

CLASSES = 10
PER_STAGE = 2
STAGES = CLASSES // PER_STAGE
PER_CLASS = 6000
"""Training images of a class."""
STEPS = 500
BATCH = 128
SCENARIOS = ("task", "class")
JOINT = "joint"
METHODS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "ewc": {"ewc": {"strength": 10_000, "samples": 1000}},
    "lwf": {"lwf": {"strength": 1.0, "temperature": 2.0}},
    "replay": {"replay": {"samples": 1000, "share": 0.5, "balance": "class"}},
    JOINT: {},
}
"""The section ``continual`` of each method."""
PACKAGE = "dataset-fashion-mnist"
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package has its files."""
FILES = tuple(
    f"{split}-{what}.gz" for split in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
)

_UNSIGNED_BYTE = 8
_SIDE = 28


def spec(seed: int, steps: int, batch: int = BATCH) -> dict[str, Any]:
    """The spec of a stage, from fresh weights."""
    return {
        "name": "stage",
        "task": {
            "kind": "image_classification",
            # The pixels as they are.
            "augmentation": {
                "crop_min_area": 1.0,
                "flip_probability": 0.0,
                "jitter_probability": 0.0,
                "grayscale_probability": 0.0,
            },
        },
        "model": {"preset": "mlp-mini"},
        "data": {"image": {"size": _SIDE, "channels": 1}},
        "training": {
            "steps": steps,
            "batch_size": batch,
            "seed": seed,
            "precision": "fp32",
            "gradient_clip": None,
            "optimizer": {"kind": "adamw", "learning_rate": 1e-3, "beta2": 0.999, "weight_decay": 0.0},
            "schedule": {"kind": "constant"},
            "log_every": steps,
            "evaluate_every": None,
            "checkpoint_every": None,
            "evaluation_sequences": 10_000,
        },
        "resources": {"device": "cpu"},
    }


def write_stages(source: Path, out: Path) -> list[Path]:
    """Write the images of each stage into a directory of its own; returns the directories."""
    parts = [range(first, first + PER_STAGE) for first in range(0, CLASSES, PER_STAGE)]
    directories = [out / f"stage-{number}" for number in range(1, STAGES + 1)]
    for split in ("train", "t10k"):
        images = _read(source / f"{split}-images-idx3-ubyte.gz")
        labels = _read(source / f"{split}-labels-idx1-ubyte.gz")
        for directory, classes in zip(directories, parts, strict=True):
            chosen = np.isin(labels, list(classes))
            directory.mkdir(parents=True, exist_ok=True)
            _write(directory / f"{split}-images-idx3-ubyte.gz", images[chosen])
            _write(directory / f"{split}-labels-idx1-ubyte.gz", labels[chosen])
    return directories


def find(given: Path) -> Path:
    """The directory with the files of Fashion-MNIST; ends the benchmark if there is none, and says how to get them."""
    for directory in (given, INSTALLED):
        if all((directory / name).exists() for name in FILES):
            return directory
    sys.exit(
        f"Neither {given} nor {INSTALLED} has the four files of Fashion-MNIST ({', '.join(FILES)}). Install them (Debian: "
        f"apt install {PACKAGE}), or name their directory by --data."
    )


def section_of(method: str, learned: int) -> dict[str, Any]:
    """The section ``continual`` of a method.

    Args:
        learned: Number of the stages before.
    """
    if method == JOINT:
        share = learned / (learned + 1)
        return {"replay": {"samples": learned * PER_STAGE * PER_CLASS, "share": share, "balance": "none"}}
    return dict(METHODS[method])


def first_stage(runner: Runner, directories: Sequence[Path], seed: int) -> Stage:
    """Learn the first two classes from fresh weights."""
    data = directories[0]
    return runner.learn(spec(seed, STEPS), data, f"images-{seed}/{data.name}")


def go_on(
    runner: Runner, directories: Sequence[Path], seed: int, first: Stage, how: tuple[str, str]
) -> Stage:
    """Learn the other stages, each from the one before; returns the last.

    Args:
        how: Scenario and method.
    """
    scenario, method = how
    learned = [first]
    for data in directories[1:]:
        section = {**section_of(method, len(learned)), "scenario": scenario}
        share = section["replay"]["share"] if "replay" in section else 0.0
        job = spec(seed, STEPS, round(BATCH / (1 - share)))
        out = f"images-{seed}/{scenario}-{method}-{data.name}"
        learned.append(runner.learn(job, data, out, learned, section))
    return learned[-1]


def average_accuracy(last: Stage) -> float:
    """Mean accuracy over the stages, at the end of the last one."""
    return float(np.mean([values["eval/accuracy"] for values in last.measured.values()]))


def _read(path: Path) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        _, _, kind, dimensions = struct.unpack(">4B", file.read(4))
        assert kind == _UNSIGNED_BYTE
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def _write(path: Path, values: NDArray[np.uint8]) -> None:
    with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as file:
        file.write(struct.pack(f">4B{values.ndim}I", 0, 0, _UNSIGNED_BYTE, values.ndim, *values.shape))
        file.write(values.tobytes())
