"""Makes the checkpoints of this folder with the engine of another checkout; see README.md here."""

import argparse
import io
import json
import random
import struct
import subprocess
import sys
import tempfile
import wave
import zipfile
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
AT, LATER = 2, 4
"""The step of the checkpoints, and the step whose bits are written down."""

_TRANSFORMER: dict[str, Any] = {"layers": 1, "hidden_size": 8, "heads": 2, "intermediate_size": 16}
_VIT: dict[str, Any] = _TRANSFORMER | {"architecture": "vit"}
_RESNET: dict[str, Any] = {"preset": "resnet-mini", "depths": [1], "widths": [4]}
_CHARACTERS: dict[str, Any] = {"tokenizer": {"kind": "character"}}
_HEADS: dict[str, Any] = {"head_hidden_size": 8, "head_size": 4}

CASES: dict[str, dict[str, Any]] = {
    "masked_lm": {
        "task": {"kind": "masked_lm", "feature_reconstruction": {}},
        "model": _TRANSFORMER | {"architecture": "bert"},
        "data": _CHARACTERS,
        "training": {"sequence_length": 16, "ema_decay": 0.9},
    },
    "causal_lm": {
        "task": {"kind": "causal_lm"},
        "model": _TRANSFORMER | {"architecture": "gpt2"},
        "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": 300}},
        "training": {"sequence_length": 16, "optimizer": {"kind": "muon"}},
    },
    "text_denoising_autoencoder": {
        "task": {"kind": "text_denoising_autoencoder"},
        "model": _TRANSFORMER | {"architecture": "t5"},
        "data": _CHARACTERS,
        "training": {"sequence_length": 32, "optimizer": {"kind": "adafactor"}},
    },
    "rotation": {"task": {"kind": "rotation"}, "model": _RESNET},
    "contrastive": {
        "task": {"kind": "contrastive", "projection_hidden_size": 8, "projection_size": 4},
        "model": _VIT,
        "training": {"ema_decay": 0.9},
    },
    "colorization": {"task": {"kind": "colorization", "target": "regression"}, "model": _RESNET},
    "self_distillation-dino": {
        "task": {"kind": "self_distillation", "prototypes": 8, "local_crops": 2, **_HEADS},
        "model": _VIT,
    },
    "self_distillation-byol": {
        "task": {"kind": "self_distillation", "method": "byol", **_HEADS},
        "model": _RESNET,
    },
    "joint_embedding_prediction": {
        "task": {
            "kind": "joint_embedding_prediction",
            "predictor_layers": 1,
            "predictor_hidden_size": 8,
        },
        "model": _TRANSFORMER | {"patch_size": 2},
    },
    "masked_autoencoder": {
        "task": {"kind": "masked_autoencoder", "decoder_layers": 1, "decoder_hidden_size": 8},
        "model": _TRANSFORMER,
    },
    "gan": {
        "task": {
            "kind": "gan",
            "latent_size": 4,
            "r1_weight": 1.0,
            "r1_every": 2,
            "adaptive_augmentation": True,
            "augmentation_images": 50,
        },
        "model": {"preset": "dcgan-mini", "width": 4},
    },
    "wav2vec2": {
        "task": {
            "kind": "wav2vec2",
            "feature_encoder": {"kernels": [10, 3, 3], "strides": [5, 4, 4], "channels": 4},
            "mask_length": 2,
            "negatives": 3,
            "codewords": 4,
            "codeword_size": 4,
            "projection_size": 4,
            "position_kernel": 4,
        },
        "model": _TRANSFORMER,
    },
    "masked_spectrogram": {
        "task": {
            "kind": "masked_spectrogram",
            "mel_bins": 8,
            "patch_size": 4,
            "decoder_layers": 1,
            "decoder_hidden_size": 8,
        },
        "model": _TRANSFORMER,
    },
}


def document(case: str) -> dict[str, Any]:
    """The spec of one of `CASES`, whole."""
    parts = CASES[case]
    kind = parts["task"]["kind"]
    data: dict[str, Any] = {"image": {"size": 8}}
    if kind in {"wav2vec2", "masked_spectrogram"}:
        data = {"audio": {"sampling_rate": 4000, "clip_seconds": 0.25}}
    return {
        "name": case,
        "task": parts["task"],
        "model": parts["model"],
        "data": parts.get("data", data) | {"held_out_fraction": 0.2},
        "training": {
            "steps": LATER,
            "batch_size": 4,
            "accumulation_steps": 2,
            "precision": "fp32",
            "schedule": {"kind": "cosine", "warmup_steps": 1},
            "log_every": 1,
            "evaluation_sequences": 4,
            "checkpoint_every": AT,
            "seed": 7,
        }
        | parts.get("training", {}),
        "resources": {"device": "cpu"},
    }


def write_data(case: str, directory: Path) -> Path:
    """The data of one of `CASES`: the same bytes on every machine."""
    dice = random.Random(0)
    kind = CASES[case]["task"]["kind"]
    if kind in {"masked_lm", "causal_lm", "text_denoising_autoencoder"}:
        words = ["".join(dice.choices("etaoinshr", k=dice.randint(2, 6))) for _ in range(100)]
        path = directory / "corpus.txt"
        path.write_text("\n\n".join(" ".join(dice.choices(words, k=30)) for _ in range(40)))
        return path
    path = directory / "samples.zip"
    recordings = kind in {"wav2vec2", "masked_spectrogram"}
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(24):
            content = _recording(dice) if recordings else _picture(dice)
            # A GAN of one class has no classifier to be judged by, which would be larger than all of its networks.
            folder = 0 if kind == "gan" else number % 2
            name = f"{folder}/{number:02d}.{'wav' if recordings else 'bmp'}"
            # With a `ZipInfo` of its own a member has a fixed time.
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def processor() -> str:
    """What the last bits of a sum depend on besides the spec and the data."""
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    named = [facts.get(name, "?") for name in ("vendor_id", "cpu family", "model")]
    return " ".join([*named, torch.backends.cpu.get_cpu_capability(), f"torch {torch.__version__}"])


def run_engine(root: Path, spec: Path, data: Path, out: Path, *options: str) -> None:
    """A run of the engine in a checkout, in one thread."""
    command = [sys.executable, "-m", "core", "run", str(spec), "--data", str(data), "--out", str(out)]
    subprocess.run([*command, "--threads", "1", *options], cwd=root, check=True, stdout=subprocess.DEVNULL)


def losses(out: Path) -> dict[str, float]:
    """``train/loss`` of a run by its step."""
    points = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {str(p["step"]): p["values"]["train/loss"] for p in points if "train/loss" in p["values"]}


def main() -> None:
    """Write the checkpoints as zips, and ``later.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="the checkout whose engine runs")
    parser.add_argument("--only", choices=CASES, help="one of the checkpoints")
    arguments = parser.parse_args()
    root: Path = arguments.root
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()
    later: dict[str, Any] = {"commit": commit, "processor": processor(), "checkpoints": {}}
    if arguments.only:
        later["checkpoints"] = json.loads((HERE / "later.json").read_text())["checkpoints"]
    for case in [arguments.only] if arguments.only else CASES:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            (directory / "job.json").write_text(json.dumps(document(case)))
            out = directory / "out"
            run_engine(root, directory / "job.json", write_data(case, directory), out)
            _pack(out / f"step-{AT:08d}", HERE / f"{case}.zip")
            manifest = json.loads((out / f"step-{LATER:08d}" / "manifest.json").read_text())
            later["checkpoints"][case] = {
                "losses": {step: loss for step, loss in losses(out).items() if int(step) > AT},
                "files": {file["path"]: file["sha256"] for file in manifest["files"]},
            }
    (HERE / "later.json").write_text(json.dumps(later, indent=1) + "\n")


def _pack(directory: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                name = zipfile.ZipInfo(file.relative_to(directory).as_posix())
                archive.writestr(name, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _picture(dice: random.Random) -> bytes:
    """Eight by eight pixels in the two colours of its upper and its lower half, with noise."""
    halves = [[dice.randrange(32, 224) for _ in range(3)] for _ in range(2)]
    pixels = [
        halves[row // 4][channel] + dice.randrange(-16, 17)
        for row in range(8)
        for _ in range(8)
        for channel in range(3)
    ]
    header = struct.pack(
        "<2sIHHI IiiHHIIiiII", b"BM", 54 + 192, 0, 0, 54, 40, 8, 8, 1, 24, 0, 192, 0, 0, 0, 0
    )
    return header + bytes(pixels)


def _recording(dice: random.Random) -> bytes:
    """0.3 seconds of a square wave with noise, at 4 kHz; without sines, whose last bits libraries differ in."""
    period = dice.randrange(8, 40)
    samples = [(9000 if n % period < period // 2 else -9000) + dice.randrange(-900, 900) for n in range(1200)]
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 4000, 0, "NONE", ""))
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    return stream.getvalue()


if __name__ == "__main__":
    main()
