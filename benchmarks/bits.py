"""Bits: SHA-256 of every task's checkpoint after ten steps, to compare two commits (--only, --against)."""

import argparse
import hashlib
import io
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._environment import ROOT
from benchmarks._processes import run

STEPS = 10
_TRANSFORMER: dict[str, Any] = {"layers": 2, "hidden_size": 32, "heads": 2}
_IMAGE: dict[str, Any] = {"image": {"size": 16}}


def main() -> int:
    """Print a line for each job, then the table as JSON; exit 1 if it differs from the table of ``--against``."""
    parser = argparse.ArgumentParser(prog="./run bench bits", description=__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="names of jobs")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="a table that another commit printed; differences are printed",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout whose engine runs")
    arguments = parser.parse_args()
    table: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        data = {"text": _text(directory), "image": _images(directory), "audio": _recordings(directory)}
        for job, (modality, spec) in jobs().items():
            if re.search(arguments.only, job):
                table[job] = _run(arguments.root, spec, data[modality], directory / job)
                print(f"{job:34} {table[job]}", flush=True)
    known = json.loads(arguments.against.read_text().splitlines()[-1]) if arguments.against else {}
    different = sorted(job for job in table.keys() & known.keys() if table[job] != known[job])
    for job in different:
        print(f"{job} differs: {known[job]} before", flush=True)
    print(json.dumps(table))
    return 1 if different else 0


def jobs() -> dict[str, tuple[str, dict[str, Any]]]:
    """Name → modality and spec: every task, and every kind of network with a task that trains it."""
    text: dict[str, tuple[dict[str, Any], str]] = {
        "masked_lm": ({"kind": "masked_lm", "masking": "span"}, "bert"),
        "masked_lm modernbert": ({"kind": "masked_lm", "masking": "whole_word"}, "modernbert"),
        "causal_lm": ({"kind": "causal_lm"}, "gpt2"),
        "causal_lm llama": ({"kind": "causal_lm", "separate_documents": True}, "llama"),
        "text_denoising_autoencoder": ({"kind": "text_denoising_autoencoder"}, "t5"),
    }
    image: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "contrastive": ({"kind": "contrastive"}, {"preset": "resnet-mini"}),
        "self_distillation byol": (
            {"kind": "self_distillation", "method": "byol"},
            {"preset": "resnet-mini"},
        ),
        "self_distillation dino": (
            {"kind": "self_distillation", "method": "dino"},
            _TRANSFORMER | {"architecture": "vit"},
        ),
        "rotation": ({"kind": "rotation"}, {"preset": "resnet-mini"}),
        "masked_autoencoder": ({"kind": "masked_autoencoder"}, _TRANSFORMER),
        "joint_embedding_prediction": ({"kind": "joint_embedding_prediction"}, _TRANSFORMER),
        "denoising_autoencoder": ({"kind": "denoising_autoencoder"}, {}),
        "colorization": ({"kind": "colorization"}, {}),
        "gan": ({"kind": "gan"}, {}),
    }
    audio: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "wav2vec2": ({"kind": "wav2vec2"}, _TRANSFORMER),
        "masked_spectrogram": ({"kind": "masked_spectrogram"}, _TRANSFORMER),
    }
    found: dict[str, tuple[str, dict[str, Any]]] = {
        name: (
            "text",
            _spec(
                task,
                {**_TRANSFORMER, "architecture": network},
                {"tokenizer": {"kind": "bpe", "vocabulary_size": 400}},
                sequence_length=32,
            ),
        )
        for name, (task, network) in text.items()
    }
    found |= {name: ("image", _spec(task, model, _IMAGE)) for name, (task, model) in image.items()}
    return found | {
        name: ("audio", _spec(task, model, {"audio": {"clip_seconds": 1.0}}))
        for name, (task, model) in audio.items()
    }


def _spec(
    task: dict[str, Any], model: dict[str, Any], data: dict[str, Any], **training: Any
) -> dict[str, Any]:
    return {
        "name": "bits",
        "task": task,
        "model": model,
        "data": data | {"held_out_fraction": 0.2},
        "training": {
            "steps": STEPS,
            "batch_size": 8,
            "accumulation_steps": 2,
            "precision": "fp32",
            "ema_decay": 0.9,
            "schedule": {"kind": "cosine", "warmup_steps": 2},
            "log_every": 5,
            "evaluation_sequences": 8,
            "seed": 7,
        }
        | training,
        "resources": {"device": "cpu"},
    }


def _run(root: Path, spec: dict[str, Any], data: Path, directory: Path) -> str:
    """One SHA-256 over the names and contents of all files of the last checkpoint."""
    directory.mkdir()
    (directory / "job.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "core", "run", str(directory / "job.json"), "--data", str(data)]
    command += ["--out", str(directory / "out"), "--threads", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{spec['task']['kind']} failed:\n{done.stderr[-3000:]}")
    manifest = json.loads((directory / "out" / f"step-{STEPS:08d}" / "manifest.json").read_text())
    files = sorted((file["path"], file["sha256"]) for file in manifest["files"])
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _text(directory: Path) -> Path:
    rng = random.Random(0)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 8))) for _ in range(500)]
    path = directory / "corpus.txt"
    path.write_text(
        "\n\n".join(" ".join(rng.choices(words, k=rng.randint(20, 200))) + "." for _ in range(200))
    )
    return path


def _images(directory: Path) -> Path:
    rng = np.random.default_rng(0)
    path = directory / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(96):
            stream = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(stream, "PNG")
            archive.writestr(f"{number % 2}/{number:03d}.png", stream.getvalue())
    return path


def _recordings(directory: Path) -> Path:
    rng = random.Random(0)
    path = directory / "recordings.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(48):
            stream = io.BytesIO()
            with wave.open(stream, "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                pitch = rng.uniform(100, 2000)
                tone = [
                    int(9000 * math.sin(2 * math.pi * pitch * n / 16_000) + rng.gauss(0, 500))
                    for n in range(16_000)
                ]
                file.writeframes(np.array(tone, np.int16).tobytes())
            archive.writestr(f"{number % 2}/{number:03d}.wav", stream.getvalue())
    return path


if __name__ == "__main__":
    run(main)
