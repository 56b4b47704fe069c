"""Masked language modelling against `transformers.Trainer`: tokens a second and held-out loss (--data FILE, --steps, --rounds).

Both get the same rows of 128 tokens, tokenizer, network, batch, optimiser and steps, in turns; Trainer with its defaults
and with the best of its flags. On a CPU the network is a BERT of 4 layers and width 256; on a GPU, BERT-base.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import BertForMaskedLM
from transformers.utils import logging

from benchmarks._engine import EngineRun, engine
from benchmarks._environment import ROOT, environment
from benchmarks._harness import report
from benchmarks._processes import run
from core.data import data_files, prepare_for
from core.data.text import PackedSequences, PreparedText
from core.spec.job import JobSpec

LENGTH = 128
BATCH = 32
OPTIMIZER = {"learning_rate": 5e-4, "beta2": 0.98, "epsilon": 1e-6, "weight_decay": 0.01}
FLAGS: dict[str, dict[str, bool]] = {
    "bf16": {"bf16": True},
    "torch_compile": {"torch_compile": True},
    "bf16 + torch_compile": {"bf16": True, "torch_compile": True},
}
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "A10": 125e12, "L4": 121e12}
"""Peak floating-point operations a second (dense, bf16) by a part of the device's name, from the data sheets."""


@dataclass(frozen=True)
class Setting:
    """The settings that all runs share."""

    data: Path
    scratch: Path
    python: Path
    rows: Path
    held_out: NDArray[np.int64]
    threads: int
    device: str


def main() -> None:
    """Print a line for each run, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench mlm", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--steps", type=int, default=150, help="steps of the engine and of Trainer with its defaults"
    )
    parser.add_argument("--flag-steps", type=int, default=40, help="steps of Trainer with each of its flags")
    parser.add_argument("--warm-up", type=int, default=10, help="first steps, which are not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    os.environ["OMP_WAIT_POLICY"] = "passive"  # for both sides: spinning threads are slow on a busy machine
    device = "cuda" if torch.cuda.is_available() else "cpu"
    python = environment("mlm", "datasets")
    with tempfile.TemporaryDirectory(prefix="seedbed-mlm-") as scratch:
        setting = _setting(arguments.data, Path(scratch), python, arguments.threads, device)
        _measure(setting, arguments.steps, arguments.flag_steps, arguments.warm_up, arguments.rounds)


def _measure(setting: Setting, steps: int, flag_steps: int, warm_up: int, rounds: int) -> None:
    ours: list[float] = []
    plain: list[float] = []
    flagged: dict[str, list[float]] = {name: [] for name in FLAGS}
    losses: list[float] = []
    losses_reference: list[float] = []
    for number in range(rounds):
        run = _ours(setting, steps, warm_up, number)
        ours.append(_tokens_per_s(run, warm_up, steps))
        losses.append(_held_out_loss(run.checkpoint, setting))
        print(
            f"round {number + 1}: engine {ours[-1]:,.0f} tokens/s, held-out loss {losses[-1]:.4f}", flush=True
        )
        speed, out = _trainer(setting, steps, warm_up, number, {})
        plain.append(speed)
        losses_reference.append(_held_out_loss(out, setting))
        print(f"         Trainer {speed:,.0f} tokens/s, held-out loss {losses_reference[-1]:.4f}", flush=True)
        for name, flags in FLAGS.items():
            speed, _ = _trainer(setting, flag_steps, warm_up, number, flags)
            flagged[name].append(speed)
            print(f"         Trainer with {name} {speed:,.0f} tokens/s", flush=True)
    best_flag = max(flagged, key=lambda name: statistics.median(flagged[name]))
    ratios = [mine / other for mine, other in zip(ours, plain, strict=True)]
    ratios_best = [mine / other for mine, other in zip(ours, flagged[best_flag], strict=True)]
    figures = {
        "tokens_per_s_ratio_median": statistics.median(ratios),
        "tokens_per_s_ratio_best": max(ratios),
        "tokens_per_s_ratio_best_flags_median": statistics.median(ratios_best),
        "tokens_per_s_ratio_best_flags_best": max(ratios_best),
        "held_out_loss": statistics.median(losses),
        "held_out_loss_reference": statistics.median(losses_reference),
        "tokens_per_s": statistics.median(ours),
        "tokens_per_s_reference": statistics.median(plain),
    }
    if setting.device == "cuda":
        peak = next((f for name, f in PEAK_FLOPS.items() if name in torch.cuda.get_device_name()), None)
        if peak is not None:
            figures["model_flops_utilisation"] = statistics.median(ours) * _flops_per_token(setting) / peak
    rows = [(name, f"{value:,.4g}") for name, value in figures.items()]
    report([*rows, ("best of Trainer's flags", best_flag)], figures)


def _job(setting_device: str, steps: int, warm_up: int, seed: int) -> dict[str, Any]:
    return {
        "name": "bench-mlm",
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-mini" if setting_device == "cpu" else "bert-base"},
        "training": {
            "steps": steps,
            "batch_size": BATCH,
            "sequence_length": LENGTH,
            "seed": seed,
            "optimizer": {"kind": "adamw", **OPTIMIZER},
            "schedule": {"kind": "cosine", "warmup_steps": steps // 10},
            "log_every": warm_up,
            "evaluation_sequences": 32,
        },
        "resources": {"device": setting_device},
    }


def _setting(data: Path, scratch: Path, python: Path, threads: int, device: str) -> Setting:
    """Prepare the data with the engine; Trainer gets the same rows."""
    job = JobSpec.model_validate(_job(device, 20, 10, 0))
    prepared = prepare_for(job, data_files((data,)), scratch / "cache", on_progress=lambda *_: None)
    assert isinstance(prepared, PreparedText)
    train, held_out = (PackedSequences(prepared, split, LENGTH) for split in ("train", "held_out"))
    np.save(scratch / "rows.npy", train.rows(np.arange(len(train))))
    return Setting(
        data, scratch, python, scratch / "rows.npy", held_out.rows(np.arange(len(held_out))), threads, device
    )


def _ours(setting: Setting, steps: int, warm_up: int, seed: int) -> EngineRun:
    return engine(
        _job(setting.device, steps, warm_up, seed),
        data=setting.data,
        out=setting.scratch / f"ours-{seed}",
        cache=setting.scratch / "cache",
        threads=setting.threads,
    )


def _tokens_per_s(run: EngineRun, first: int, last: int) -> float:
    at = {step: time for step, time, _ in run.points("train/loss")}
    return BATCH * LENGTH * (last - first) / (at[last] - at[first])


def _trainer(
    setting: Setting, steps: int, warm_up: int, seed: int, flags: dict[str, bool]
) -> tuple[float, Path]:
    """Tokens a second, and the folder with the saved model."""
    ours = max(setting.scratch.glob("ours-*/step-*"))
    config = json.loads((ours / "config.json").read_text())
    out = setting.scratch / f"trainer-{seed}-{'-'.join(flags)}"
    file = setting.scratch / "trainer.json"
    document = {
        "rows": str(setting.rows),
        "tokenizer": str(ours),
        "out": str(out),
        "model": {name: value for name, value in config.items() if name not in {"architectures", "dtype"}},
        "steps": steps,
        "from_step": warm_up,
        "warmup_steps": steps // 10,
        "batch_size": BATCH,
        "seed": seed,
        "threads": setting.threads,
        "device": setting.device,
        "flags": flags,
        **OPTIMIZER,
    }
    file.write_text(json.dumps(document))
    command = [str(setting.python), "-P", str(ROOT / "benchmarks" / "_mlm_trainer.py"), str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"Trainer failed; its output ends:\n{answer.stderr[-3000:]}")
    seconds = json.loads(answer.stdout.strip().splitlines()[-1])["seconds"]
    return BATCH * LENGTH * (steps - warm_up) / seconds, out


def _held_out_loss(directory: Path, setting: Setting) -> float:
    """Loss in nats a token on 15 % of the held-out tokens, the same ones for every model (80 % masked, 10 % random, 10 % kept)."""
    model: Any = BertForMaskedLM.from_pretrained(directory)
    model.to(setting.device).eval()
    generator = np.random.default_rng(0)
    rows = setting.held_out
    chosen = (generator.random(rows.shape) < 0.15) & (rows >= 5)  # the five special tokens come first
    action, random_ids = (
        generator.random(rows.shape),
        generator.integers(5, model.config.vocab_size, rows.shape),
    )
    tokenizer = json.loads((max(setting.scratch.glob("ours-*/step-*")) / "tokenizer.json").read_text())
    mask = next(token["id"] for token in tokenizer["added_tokens"] if token["content"] == "[MASK]")
    inputs = np.where(chosen & (action < 0.8), mask, np.where(chosen & (action >= 0.9), random_ids, rows))
    total, count = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            part = slice(start, start + BATCH)
            ids = torch.from_numpy(inputs[part]).to(setting.device)
            scores = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            where = torch.from_numpy(chosen[part]).to(setting.device)
            targets = torch.from_numpy(rows[part]).to(setting.device)[where]
            total += functional.cross_entropy(scores[where].float(), targets, reduction="sum").item()
            count += len(targets)
    return total / count


def _flops_per_token(setting: Setting) -> float:
    """FLOPs a token, forward and backward: 6 for each weight of the blocks, attention, and the head at 15 % of the positions."""
    size = JobSpec.model_validate(_job(setting.device, 20, 10, 0)).size
    hidden, layers = size.hidden_size, size.layers
    blocks = layers * (4 * hidden * hidden + 2 * hidden * size.intermediate_size)
    attention = layers * 2 * LENGTH * hidden
    head = 0.15 * (hidden * 8192 + hidden * hidden)
    return 6.0 * (blocks + attention + head)


if __name__ == "__main__":
    run(main)
