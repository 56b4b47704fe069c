"""Distil: a student of half its teacher's blocks, against the same student alone, held-out gain (--data DIR, --only, --seeds).

For text (masked language model) and images (classification) a teacher is trained once. Then a student of half its blocks learns from
it, and the same network is trained alone, both for the same steps at the same rate, on the same data. A seed changes the order and
the masks or crops of the samples and, alone, the initialisation. Every run is made by ``python -m core run``. The gain of a network is
what it is better on the held-out split than the teacher's network before its first step: nats a masked token for text, accuracy
for images; ``kept`` is the student's gain over the teacher's. The speed ratio is of samples a second in the forward pass.
"""

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks._engine import EngineRun, engine, processor, run_directory
from benchmarks._processes import end_descendants, run
from core.prediction.opening import Opened, open_checkpoint

DIGITS = 4
_ROWS = 64
_ROUNDS = 9


@dataclass(frozen=True)
class Modality:
    """The settings of one modality."""

    file: str
    """Name of the data in the directory ``--data``."""
    measure: str
    """Measure of the held-out split."""
    sign: float
    """1 where more is better, otherwise -1."""
    teacher: Mapping[str, Any]
    """The teacher's spec."""
    steps: int
    """Of the student, with the teacher and alone."""
    half: Mapping[str, Any]
    """The section ``model`` of the student alone."""
    distillation: Mapping[str, Any]


MODALITIES: Mapping[str, Modality] = {
    "text": Modality(
        file="tinyshakespeare.txt",
        measure="eval/loss",
        sign=-1.0,
        teacher={
            "name": "teacher",
            "task": {"kind": "masked_lm", "mask_probability": 0.25},
            "model": {"architecture": "modernbert", "layers": 4, "hidden_size": 96, "heads": 4},
            "data": {"tokenizer": {"kind": "character"}},
            "training": {
                "steps": 2000,
                "batch_size": 16,
                "sequence_length": 64,
                "optimizer": {"learning_rate": 2e-3, "weight_decay": 0.01},
                "schedule": {"warmup_steps": 100},
                "evaluation_sequences": 1000,
                "evaluate_every": None,
                "checkpoint_every": None,
            },
            "resources": {"device": "cpu"},
        },
        steps=700,
        half={"architecture": "modernbert", "layers": 2, "hidden_size": 96, "heads": 4},
        distillation={"student": "every_other", "hidden": {"weight": 0.5}},
    ),
    "image": Modality(
        file="cifar10-subset.zip",
        measure="eval/accuracy",
        sign=1.0,
        teacher={
            "name": "teacher",
            "task": {"kind": "image_classification"},
            "model": {"preset": "resnet-mini", "depths": [2, 2, 2, 2], "widths": [16, 32, 64, 128]},
            "training": {
                "steps": 1200,
                "batch_size": 64,
                "optimizer": {"learning_rate": 2e-3, "weight_decay": 0.05},
                "schedule": {"warmup_steps": 60},
                "evaluation_sequences": 10_000,
                "evaluate_every": None,
                "checkpoint_every": None,
            },
            "resources": {"device": "cpu"},
        },
        steps=600,
        half={"preset": "resnet-mini", "depths": [1, 1, 1, 1], "widths": [16, 32, 64, 128]},
        distillation={"student": "every_other", "temperature": 3.0, "logits": 0.9, "task": 0.1},
    ),
}


def main() -> int:
    """Measure each modality, print a line for each arm, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench distil", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the datasets")
    parser.add_argument("--only", choices=MODALITIES, action="append", help="modality; may be repeated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at a time, each with one thread (default 2)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs there: logs, checkpoints")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with run_directory(arguments.keep, "distil") as scratch:
        for name in arguments.only or MODALITIES:
            bench = Bench(name, MODALITIES[name], arguments.data, scratch / name, arguments.jobs)
            figures |= bench.measure(arguments.seeds)
    print(json.dumps(figures | {"seeds": arguments.seeds, "processor": processor()}))
    return 0


@dataclass(frozen=True)
class Bench:
    """Trains the networks of one modality in a directory of its own."""

    name: str
    modality: Modality
    data: Path
    scratch: Path
    jobs: int

    def measure(self, seeds: int) -> dict[str, Any]:
        """The gains, what the student keeps of the teacher's, and how much smaller and faster it is."""
        if not (self.data / self.modality.file).exists():
            sys.exit(
                f"{self.modality.file} is not in {self.data}; --data must be the directory that contains it."
            )
        began = time.perf_counter()
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                teaching = pool.submit(self._teach)
                untrained = pool.submit(self._untrained)
                alone = [pool.submit(self._alone, seed) for seed in range(seeds)]
                teacher = teaching.result()
                taught = [pool.submit(self._distil, seed, teacher) for seed in range(seeds)]
                begin = self._value(untrained.result())
                ended = {
                    "student": [one.result() for one in taught],
                    "alone": [one.result() for one in alone],
                }
            except BaseException:
                # Without this the pool would first do all that waits.
                pool.shutdown(wait=False, cancel_futures=True)
                end_descendants()
                raise
        whole = self.modality.sign * (self._value(teacher) - begin)
        figures: dict[str, Any] = {"teacher": round(whole, DIGITS)}
        print(f"{self.name:5} teacher {whole:.4f} (untrained {begin:.4f})", flush=True)
        for arm, runs in ended.items():
            gains = [self.modality.sign * (self._value(one) - begin) for one in runs]
            mean, spread = statistics.fmean(gains), statistics.stdev(gains) if seeds > 1 else 0.0
            figures |= {f"{arm}_mean": round(mean, DIGITS), f"{arm}_std": round(spread, DIGITS)}
            figures[f"{arm}_kept"] = round(mean / whole, DIGITS)
            each = " ".join(f"{gain:.4f}" for gain in gains)
            print(
                f"{self.name:5} {arm:7} {mean:.4f} ± {spread:.4f} ({each}), {mean / whole:.1%} kept",
                flush=True,
            )
        figures |= self._ratios(teacher, ended["student"][0])
        figures["seconds"] = round(time.perf_counter() - began, 1)
        return {f"{self.name}_{name}": value for name, value in figures.items()}

    def _value(self, made: EngineRun) -> float:
        return made.points(self.modality.measure)[-1][2]

    def _run(self, name: str, spec: dict[str, Any], teacher: EngineRun | None = None) -> EngineRun:
        return engine(
            spec,
            data=self.data / self.modality.file,
            out=self.scratch / name,
            cache=self.scratch / "cache",
            threads=1,
            teacher=None if teacher is None else teacher.checkpoint,
        )

    def _teach(self) -> EngineRun:
        return self._run("teacher", copy.deepcopy(dict(self.modality.teacher)))

    def _untrained(self) -> EngineRun:
        """The teacher after one step of a rate that changes nothing."""
        spec = copy.deepcopy(dict(self.modality.teacher))
        optimizer = spec["training"]["optimizer"] | {"learning_rate": 1e-12}
        spec["training"] |= {"steps": 1, "optimizer": optimizer, "schedule": {}, "evaluate_every": None}
        return self._run("untrained", spec)

    def _student(self, seed: int) -> dict[str, Any]:
        spec = copy.deepcopy(dict(self.modality.teacher))
        spec["training"] |= {"steps": self.modality.steps, "seed": seed, "evaluate_every": None}
        return spec

    def _alone(self, seed: int) -> EngineRun:
        return self._run(f"alone-{seed}", self._student(seed) | {"model": dict(self.modality.half)})

    def _distil(self, seed: int, teacher: EngineRun) -> EngineRun:
        spec = self._student(seed) | {"distillation": dict(self.modality.distillation)}
        model = {name: spec["model"][name] for name in ("dropout",) if name in spec["model"]}
        return self._run(f"student-{seed}", spec | {"model": model}, teacher)

    def _ratios(self, teacher: EngineRun, student: EngineRun) -> dict[str, float]:
        """Parameters of the student over the teacher's, and its samples a second likewise."""
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            whole = open_checkpoint(teacher.checkpoint, Path(first))
            half = open_checkpoint(student.checkpoint, Path(second))
            sizes = [one.objective.parameter_count or _count(one) for one in (half, whole)]
            seconds = {False: list[float](), True: list[float]()}
            torch.set_num_threads(1)
            for _ in range(_ROUNDS):
                for is_half, one in ((True, half), (False, whole)):
                    seconds[is_half].append(_forward_seconds(one))
        return {
            "size_ratio": round(sizes[0] / sizes[1], DIGITS),
            "speed_ratio": round(
                statistics.median(seconds[False]) / statistics.median(seconds[True]), DIGITS
            ),
        }


def _count(opened: Opened) -> int:
    return sum(parameter.numel() for parameter in opened.objective.parameters())


def _forward_seconds(opened: Opened) -> float:
    """Processor time of one forward pass of the encoder over some inputs, with one thread: other work does not change it."""
    encoder, job = opened.objective.learned_encoder, opened.job
    assert encoder is not None
    if job.task.modality == "text":
        inputs = torch.zeros(_ROWS, job.training.sequence_length, dtype=torch.int64)
    else:
        inputs = torch.randn(_ROWS, job.data.image.channels, job.data.image.size, job.data.image.size)
    began = time.process_time()
    with torch.no_grad():
        encoder.features(inputs)
    return time.process_time() - began


if __name__ == "__main__":
    run(main)
