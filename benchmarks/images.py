"""Images: views a second and the speed of a SimCLR step, against Pillow in DataLoader workers (--data, --size, …)."""

import argparse
import io
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks._harness import interleaved, report
from benchmarks._processes import run
from benchmarks._simclr import InTensors, Pair, PillowViews, Trainer, by_pillow
from core.data import data_files
from core.data.image import ImageSamples, prepare
from core.spec.augmentation import simclr
from core.spec.data import DataSpec
from core.training.devices import choose_place

_MADE = 4096
_AHEAD = 6
"""Batches that the workers have prefetched; they are taken before the clock starts."""


def main() -> None:
    """Print a table, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench images", description=__doc__)
    parser.add_argument("--data", type=Path, help="a zip, tar or Parquet of images (default: random ones)")
    parser.add_argument("--size", type=int, default=32, help="pixels of an image (default: 32)")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument(
        "--width", type=int, default=16, help="channels of the network's first layer (default: 16)"
    )
    parser.add_argument(
        "--small-stem",
        action="store_true",
        help="the ResNet's stem for small images: 16 times the computation",
    )
    parser.add_argument(
        "--in-memory", action="store_true", help="give Pillow decoded images in memory instead of files"
    )
    parser.add_argument(
        "--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of the network, on both sides"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="steps in a round (default: 10)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    place = choose_place("cuda" if arguments.device.startswith("cuda") else "cpu", arguments.precision)
    device = torch.device(arguments.device)
    workers = len(os.sched_getaffinity(0))
    spec = simclr(arguments.size)
    with tempfile.TemporaryDirectory() as scratch:
        data = arguments.data or _made(Path(scratch), arguments.size)
        wanted = DataSpec.model_validate({"image": {"size": arguments.size}})
        started = time.perf_counter()
        prepared = prepare(data_files([data], "image"), wanted, Path(scratch, "cache"))
        preparing = time.perf_counter() - started
        samples = ImageSamples(prepared, "train")
        folder = None if arguments.in_memory else Path(scratch, "files")
        if folder:
            folder.mkdir()
        ours = iter(InTensors(samples, spec, arguments.batch_size, device))
        theirs = by_pillow(PillowViews(samples, spec, folder), arguments.batch_size, workers, device)
        trainers = [
            Trainer(
                arguments.width,
                device,
                small_stem=arguments.small_stem,
                bf16=place.precision == "bf16",
            )
            for _ in range(2)
        ]

        def feed(batches: Iterator[Pair]) -> float:
            return _seconds(batches, None, arguments.steps, device)

        def train(batches: Iterator[Pair], trainer: Trainer) -> float:
            return _seconds(batches, trainer, arguments.steps, device)

        measures = {
            "pipeline": lambda: feed(ours),
            "pillow_pipeline": lambda: feed(theirs),
            "step": lambda: train(ours, trainers[0]),
            "pillow_step": lambda: train(theirs, trainers[1]),
        }
        interleaved(1, **measures)  # compiles, and fills caches
        measured = interleaved(arguments.rounds, **measures)
    rate = {name: arguments.batch_size / statistics.median(seconds) for name, seconds in measured.items()}
    ratios = [slow / fast for slow, fast in zip(measured["pillow_step"], measured["step"], strict=True)]
    pipeline = [
        slow / fast for slow, fast in zip(measured["pillow_pipeline"], measured["pipeline"], strict=True)
    ]
    report(
        [
            ("device", f"{device}, {torch.get_num_threads()} threads, {workers} workers for Pillow"),
            (
                "images",
                f"{len(samples):,} of {arguments.size} by {arguments.size}, prepared in {preparing:.1f} s",
            ),
            ("two views, in tensors", f"{rate['pipeline']:,.0f} samples/s"),
            (
                "two views, Pillow",
                f"{rate['pillow_pipeline']:,.0f} samples/s ({statistics.median(pipeline):.2f} times slower)",
            ),
            ("SimCLR step, in tensors", f"{rate['step']:,.0f} samples/s"),
            (
                "SimCLR step, Pillow",
                f"{rate['pillow_step']:,.0f} samples/s ({statistics.median(ratios):.2f} times slower; rounds: "
                + ", ".join(f"{ratio:.2f}" for ratio in ratios)
                + ")",
            ),
        ],
        {
            "pipeline_samples_per_s": rate["pipeline"],
            "pillow_samples_per_s": rate["pillow_pipeline"],
            "pipeline_ratio_median": statistics.median(pipeline),
            "step_samples_per_s": rate["step"],
            "step_ratio_median": statistics.median(ratios),
        },
    )


def _seconds(batches: Iterator[Pair], trainer: Trainer | None, steps: int, device: torch.device) -> float:
    """Mean seconds of a step, measured after the prefetched batches."""
    for number in range(_AHEAD + steps):
        if number == _AHEAD:
            _wait(device)
            started = time.perf_counter()
        views = next(batches)
        if trainer:
            trainer.step(views)
    _wait(device)
    return (time.perf_counter() - started) / steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _made(directory: Path, size: int) -> Path:
    """A zip of smooth random images as JPEG; the content of the images does not affect the timing."""
    rng = np.random.default_rng(0)
    path = directory / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(_MADE):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
            out = io.BytesIO()
            coarse.resize((size, size), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
            archive.writestr(f"{number:05}.jpg", out.getvalue())
    return path


if __name__ == "__main__":
    run(main)
