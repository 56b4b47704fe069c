"""Character-level language modelling with nanoGPT's CPU settings: held-out loss and time (--data FILE, --rounds).

4 layers, 4 heads, width 128, sequences of 64 characters, batches of 12, 2,000 steps, dropout 0; the first 90 % of the text is the
training split, the last 10 % the held-out split. Compares whole commands, in turns: the engine, and a plain eager loop of the same
network; then measures the time to reach 1.88 nats with the best known recipe. Both use three times nanoGPT's learning rate (--rate;
its own is 0.001): after 2,000 steps the network is far from overfitting, and the higher rate reaches a lower loss.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._engine import EngineRun, engine
from benchmarks._environment import ROOT
from benchmarks._harness import report
from benchmarks._processes import run

STEPS, LENGTH, BATCH, WARM_UP, RATE, BETA2 = 2000, 64, 12, 100, 3e-3, 0.99
WIDTH, LAYERS, HEADS = 128, 4, 4
GOAL = 1.88


def main() -> None:
    """Print a line for each run, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench clm", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rate", type=float, default=RATE, help="peak learning rate of both sides")
    arguments = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "passive"  # for both sides: spinning threads are slow on a busy machine
    with tempfile.TemporaryDirectory(prefix="seedbed-clm-") as scratch:
        directory = Path(scratch)
        losses, walls, losses_reference, walls_reference = [], [], [], []
        for number in range(arguments.rounds):
            run = _run(
                _job(arguments.steps, number, arguments.rate),
                arguments.data,
                directory,
                f"{number}",
                arguments.threads,
            )
            losses.append(run.points("eval/loss")[-1][2])
            walls.append(run.wall_s)
            print(f"round {number + 1}: engine {walls[-1]:.1f} s, {losses[-1]:.4f} nats", flush=True)
            wall, loss = _eager(
                arguments.data, directory, arguments.steps, number, arguments.rate, arguments.threads
            )
            losses_reference.append(loss)
            walls_reference.append(wall)
            print(f"         eager loop {wall:.1f} s, {loss:.4f} nats", flush=True)
        fast = _run(_best(), arguments.data, directory, "best", arguments.threads)
    reached = [at - fast.started for _, at, loss in fast.points("eval/loss") if loss <= GOAL]
    figures = {
        "val_loss": statistics.median(losses),
        "val_loss_reference": statistics.median(losses_reference),
        "wall_s": statistics.median(walls),
        "wall_s_best": min(walls),
        "wall_s_reference": statistics.median(walls_reference),
        "wall_s_reference_best": min(walls_reference),
        "wall_ratio_median": statistics.median(
            theirs / ours for ours, theirs in zip(walls, walls_reference, strict=True)
        ),
        "seconds_to_1_88": reached[0] if reached else float("nan"),
    }
    report([(name, f"{value:.4g}") for name, value in figures.items()], figures)


def _job(steps: int, seed: int, rate: float) -> dict[str, Any]:
    """nanoGPT's settings, except for the learning rate."""
    return {
        "name": "bench-clm",
        "task": {"kind": "causal_lm"},
        "model": {
            "architecture": "gpt2",
            "layers": LAYERS,
            "hidden_size": WIDTH,
            "heads": HEADS,
            "dropout": 0.0,
        },
        "data": {
            "tokenizer": {"kind": "character"},
            "documents": "whole_file",
            "held_out": "tail",
            "held_out_fraction": 0.1,
        },
        "training": {
            "steps": steps,
            "batch_size": BATCH,
            "sequence_length": LENGTH,
            "seed": seed,
            "optimizer": {
                "kind": "adamw",
                "learning_rate": rate,
                "beta2": BETA2,
                "epsilon": 1e-8,
                "weight_decay": 0.1,
            },
            "schedule": {"kind": "cosine", "warmup_steps": WARM_UP, "final_fraction": 0.1},
            "log_every": 250,
            "evaluation_sequences": 1_000_000,
        },
        "resources": {"device": "cpu"},
    }


def _best() -> dict[str, Any]:
    """As few steps as reach the loss, at the best rate for that number; evaluated once, on the whole held-out split."""
    job = _job(BEST_STEPS, 0, BEST_RATE)
    job["training"]["schedule"] |= {"warmup_steps": BEST_WARM_UP}
    return job


BEST_STEPS, BEST_RATE, BEST_WARM_UP = 1300, 4e-3, 60


def _run(job: dict[str, Any], data: Path, directory: Path, name: str, threads: int) -> EngineRun:
    # A new cache each time: preparing the text is part of the measured command.
    return engine(job, data=data, out=directory / name, cache=directory / name / "cache", threads=threads)


def _eager(  # noqa: PLR0917 - the same arguments as `_run`
    data: Path, directory: Path, steps: int, seed: int, rate: float, threads: int
) -> tuple[float, float]:
    """Seconds of the whole command, and the held-out loss."""
    file = directory / "eager.json"
    setting = {
        "data": str(data.absolute()),
        "threads": threads,
        "seed": seed,
        "steps": steps,
        "length": LENGTH,
        "batch": BATCH,
        "width": WIDTH,
        "layers": LAYERS,
        "heads": HEADS,
        "rate": rate,
        "beta2": BETA2,
        "warmup": WARM_UP,
    }
    file.write_text(json.dumps(setting))
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks._clm_eager", str(file)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - started
    return wall, float(json.loads(answer.stdout.strip().splitlines()[-1])["val_loss"])


if __name__ == "__main__":
    run(main)
