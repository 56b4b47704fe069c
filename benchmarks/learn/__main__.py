"""Learn: a task's encoder against the same network untrained, on held-out samples (--task, --seeds, --minutes, --data).

Every run is made by ``python -m core run``. A trial run of some steps determines how many fit the time; then each seed is
trained, probed, and compared with its own initial network. Without ``--data``, Fashion-MNIST is taken from Debian's package
``dataset-fashion-mnist``. The audio tasks need ``--data``, a zip of spoken digits; the held-out split is made of whole
speakers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._engine import run_directory
from benchmarks._processes import run
from benchmarks.learn import audio
from benchmarks.learn.measuring import floor, score
from benchmarks.learn.recipes import RECIPES, Recipe
from core.checkpoints.manifest import directory_name
from core.data import data_files, prepare_for
from core.spec.job import JobSpec
from core.spec.problems import validate

TRIAL_STEPS = 30
AUDIO_TASKS = {"masked_spectrogram", "wav2vec2"}
PACKAGE = "dataset-fashion-mnist"
TRAINING_SHARE = {"linear": 0.8, "fine_tuned": 0.5}
"""Share of the minutes for training; the rest is for the probes."""


def main() -> int:
    """Print a line for each seed, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench learn", description=__doc__)
    parser.add_argument("--task", required=True, choices=sorted(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=15.0, help="time for all seeds together")
    parser.add_argument(
        "--data", type=Path, action="append", help="zip of samples in class folders; may be repeated"
    )
    parser.add_argument("--size", type=int, help="pixels a side (default: 32, Fashion-MNIST 28)")
    parser.add_argument("--channels", type=int, choices=(1, 3), help="default: 3, Fashion-MNIST 1")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the runs there: logs, images, checkpoints"
    )
    arguments = parser.parse_args()
    of_audio = arguments.task in AUDIO_TASKS
    if of_audio and arguments.data is None:
        parser.error(f"{arguments.task} needs --data, a zip of recordings in class folders")
    fashion = arguments.data is None
    paths = fashion_mnist() if fashion else arguments.data
    image = {
        "size": arguments.size or (28 if fashion else 32),
        "channels": arguments.channels or (1 if fashion else 3),
    }
    recipe = RECIPES[arguments.task]
    with run_directory(arguments.keep, "learn") as scratch:
        bench = Bench(scratch, arguments.task, recipe, paths, audio.DATA if of_audio else {"image": image})
        seconds = 60 * arguments.minutes * TRAINING_SHARE[recipe.measure] / arguments.seeds
        steps = bench.steps_in(seconds)
        trained, random = [], []
        for seed in range(arguments.seeds):
            started = time.monotonic()
            checkpoint, job = bench.train(seed, steps)
            took = time.monotonic() - started
            trained.append(score(job, bench.data(job), checkpoint, recipe.measure))
            random.append(score(job, bench.data(job), None, recipe.measure))
            print(
                f"seed {seed}: {steps} steps in {took:.0f} s, trained {trained[-1]:.4f}, random {random[-1]:.4f}",
                flush=True,
            )
        lowest = floor(job, bench.data(job))
    figures = {
        "task": arguments.task,
        "measure": recipe.measure,
        "steps": steps,
        "seeds": arguments.seeds,
        "trained_mean": round(statistics.fmean(trained), 4),
        "trained_std": round(_spread(trained), 4),
        "random_mean": round(statistics.fmean(random), 4),
        "random_std": round(_spread(random), 4),
        "floor": round(lowest, 4),
    }
    print(json.dumps(figures))
    return 0


class Bench:
    """Runs one recipe on one dataset, in a given directory."""

    def __init__(
        self, scratch: Path, kind: str, recipe: Recipe, paths: list[Path], data: Mapping[str, Any]
    ) -> None:
        self._scratch = scratch
        self._kind = kind
        self._recipe = recipe
        self._paths = paths
        self._data = data

    def steps_in(self, seconds: float) -> int:
        """The number of steps that fit ``seconds``, from the speed of a trial run."""
        _, out = self._run("trial", TRIAL_STEPS, seed=0)
        lines = (out / "metrics.jsonl").read_text().splitlines()
        speeds = [v for line in lines if (v := json.loads(line)["values"].get("train/samples_per_s"))]
        # The last point's speed: the first ones include one-time costs.
        return max(TRIAL_STEPS, int(seconds * speeds[-1] / self._recipe.batch_size))

    def train(self, seed: int, steps: int) -> tuple[Path, JobSpec]:
        """Make a whole run, and return its last checkpoint and its spec."""
        job, out = self._run(f"seed-{seed}", steps, seed)
        return out / directory_name(steps), job

    def data(self, job: JobSpec) -> Any:
        """The prepared data that the runs share."""
        return prepare_for(job, data_files(self._paths, job.task.modality), self._scratch / "cache")

    def _run(self, name: str, steps: int, seed: int) -> tuple[JobSpec, Path]:
        document = self._recipe.spec(self._kind, steps=steps, seed=seed, data=self._data)
        job = validate(document)
        spec, out = self._scratch / f"{name}.json", self._scratch / name
        spec.write_text(json.dumps(document))
        command = [sys.executable, "-m", "core", "run", str(spec), "--out", str(out)]
        command += ["--cache", str(self._scratch / "cache")]
        for path in self._paths:
            command += ["--data", str(path)]
        log = self._scratch / f"{name}.log"
        with log.open("wb") as output:
            ended = subprocess.run(command, stdout=output, stderr=output, check=False, env=dict(os.environ))
        if ended.returncode:
            sys.exit(
                f"The run {name} ended with exit code {ended.returncode}. Its log ends:\n{log.read_text()[-3000:]}"
            )
        return job, out


def fashion_mnist() -> list[Path]:
    """The files of Debian's package; exits if it is not installed."""
    listed = subprocess.run(["dpkg", "-L", PACKAGE], capture_output=True, text=True, check=False)
    found = [Path(line) for line in listed.stdout.splitlines() if "ubyte" in line]
    if not found:
        sys.exit(f"Give --data, a zip of images in class folders, or install Debian's {PACKAGE}.")
    return found


def _spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    run(main)
