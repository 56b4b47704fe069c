"""Tokenizing: MB/s of training a tokenizer and of preparing a text, against ``datasets.map``; memory against text size."""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from benchmarks._harness import interleaved, report
from benchmarks._processes import run

_SOURCES = Path(__file__).parents[1]
_COMPARED_WITH = ("datasets==4.3.0", "transformers>=5,<6", "tokenizers")

_OURS = """
import json, sys, time
from pathlib import Path
from core.data import data_files
from core.data.text import prepare
from core.spec.data import DataSpec

data, cache, processes, vocabulary = sys.argv[1:5]
spec = {"tokenizer": {"kind": "bpe", "vocabulary_size": int(vocabulary)}}
if len(sys.argv) > 5:  # a tokenizer is given beside the text
    spec = {"tokenizer": {"kind": "uploaded"}}
began = {}
def progress(phase, *_):
    began.setdefault(phase, time.perf_counter())
files = data_files([Path(path) for path in [data, *sys.argv[5:]]])
start = time.perf_counter()
prepared = prepare(files, DataSpec.model_validate(spec), Path(cache), on_progress=progress, processes=int(processes))
end = time.perf_counter()
trained = began["tokenizing"] - began["training_tokenizer"] if "training_tokenizer" in began else 0.0
print(json.dumps({"seconds": end - start, "training": trained, "tokens": prepared.train.tokens + prepared.held_out.tokens}))
"""

_THEIRS = """
import json, os, sys, time
import datasets
from transformers import PreTrainedTokenizerFast

datasets.disable_progress_bars()
data, cache, processes, tokenizer = sys.argv[1:5]
loaded = PreTrainedTokenizerFast(tokenizer_file=tokenizer, model_max_length=10**9)
start = time.perf_counter()
raw = datasets.load_dataset("json", data_files=data, split="train", cache_dir=cache)
done = raw.map(
    lambda batch: {"input_ids": loaded(batch["text"], add_special_tokens=False, return_attention_mask=False)["input_ids"]},
    batched=True, num_proc=int(processes), remove_columns=raw.column_names,
)
end = time.perf_counter()
print(json.dumps({"seconds": end - start, "documents": len(done)}))
"""


def main() -> int:
    """Print a table, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench tokenize", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE",
        help="a plain text, which is repeated with variation",
    )
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="runs of each side, in turns (default 5)"
    )
    parser.add_argument(
        "--vocabulary", type=int, default=8192, metavar="N", help="size of the vocabulary (default 8192)"
    )
    parser.add_argument(
        "--speed-mb", type=int, default=50, metavar="MB", help="size of the text for the speed (default 50)"
    )
    parser.add_argument(
        "--small-mb",
        type=int,
        default=50,
        metavar="MB",
        help="size of the small text for the memory (default 50)",
    )
    parser.add_argument(
        "--large-mb",
        type=int,
        default=2000,
        metavar="MB",
        help="size of the large text for the memory (default 2000)",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/var/tmp"),
        metavar="DIR",
        help="a directory with room for five times the large text",
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir=arguments.scratch) as scratch:
        return _run(arguments, Path(scratch))


def _run(arguments: argparse.Namespace, scratch: Path) -> int:
    source = arguments.data.read_text()
    text = scratch / "speed.jsonl"
    size = _write(text, source, arguments.speed_mb)
    bench = _Bench(scratch, arguments.processes, arguments.vocabulary)
    tokenizer = bench.train(text)
    measured = interleaved(
        arguments.rounds,
        training=lambda: bench.ours(text)["training"],
        ours=lambda: bench.ours(text, tokenizer)["seconds"],
        theirs=lambda: bench.theirs(text, tokenizer),
    )
    ratios = [theirs / ours for ours, theirs in zip(measured["ours"], measured["theirs"], strict=True)]
    speed = {name: [size / 1e6 / seconds for seconds in values] for name, values in measured.items()}
    text.unlink()
    peaks = {}
    for name, megabytes in (("small", arguments.small_mb), ("large", arguments.large_mb)):
        text = scratch / f"{name}.jsonl"
        _write(text, source, megabytes)
        peaks[name] = bench.ours(text)["peak_mb"]
        text.unlink()
    report(
        [
            ("processes", str(arguments.processes)),
            ("text", f"{size / 1e6:,.0f} MB of JSON Lines"),
            *(
                (f"{name}: MB/s, median and best", f"{statistics.median(v):.2f}  {max(v):.2f}")
                for name, v in speed.items()
            ),
            ("ours / datasets.map, median and best", f"{statistics.median(ratios):.2f}  {max(ratios):.2f}"),
            (f"peak memory at {arguments.small_mb:,} MB", f"{peaks['small']:.0f} MB"),
            (f"peak memory at {arguments.large_mb:,} MB", f"{peaks['large']:.0f} MB"),
        ],
        {
            "prepare_ratio_median": statistics.median(ratios),
            "prepare_ratio_best": max(ratios),
            "prepare_mb_per_s_median": statistics.median(speed["ours"]),
            "prepare_mb_per_s_best": max(speed["ours"]),
            "datasets_mb_per_s_median": statistics.median(speed["theirs"]),
            "datasets_mb_per_s_best": max(speed["theirs"]),
            "train_mb_per_s_median": statistics.median(speed["training"]),
            "train_mb_per_s_best": max(speed["training"]),
            "peak_mb_small": peaks["small"],
            "peak_mb_large": peaks["large"],
        },
    )
    return 0


def _write(path: Path, source: str, megabytes: int) -> int:
    """Write JSON Lines of about so many MB: paragraphs of ``source``, shuffled anew in each repetition, each with a number.

    Returns:
        The file's size in bytes.
    """
    rng = random.Random(1)
    paragraphs = [part for part in source.split("\n\n") if part.strip()]
    written = number = 0
    with path.open("w") as file:
        while written < megabytes * 1_000_000:
            number += 1
            chosen = rng.choices(paragraphs, k=rng.randrange(2, 12))
            chosen.insert(rng.randrange(len(chosen)), f"{number} {rng.random()}")
            written += file.write(json.dumps({"text": "\n\n".join(chosen)}) + "\n")
    return path.stat().st_size


class _Bench:
    """Runs both sides, each time in a new process with an empty cache."""

    def __init__(self, scratch: Path, processes: int, vocabulary: int) -> None:
        self._scratch = scratch
        self._processes = str(processes)
        self._vocabulary = str(vocabulary)
        self._python = _environment(_SOURCES / ".cache" / "benchmarks" / "datasets")

    def train(self, text: Path) -> Path:
        """Train the tokenizer that both sides use."""
        with self._cache() as cache:
            self._measure(
                [sys.executable, "-c", _OURS, str(text), str(cache), self._processes, self._vocabulary]
            )
            (trained,) = cache.glob("*/tokenizer/tokenizer.json")
            return Path(shutil.copy(trained, self._scratch / "tokenizer.json"))

    def ours(self, text: Path, *tokenizer: Path) -> dict[str, float]:
        """``seconds`` in all, ``training``: the seconds of training the tokenizer, ``peak_mb``: peak memory in MB."""
        with self._cache() as cache:
            arguments = [str(text), str(cache), self._processes, self._vocabulary, *map(str, tokenizer)]
            return self._measure([sys.executable, "-c", _OURS, *arguments])

    def theirs(self, text: Path, tokenizer: Path) -> float:
        """Seconds that `datasets.map` takes with the tokenizer."""
        with self._cache() as cache:
            arguments = [str(text), str(cache), self._processes, str(tokenizer)]
            return self._measure([str(self._python), "-c", _THEIRS, *arguments])["seconds"]

    @contextmanager
    def _cache(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._scratch) as cache:
            yield Path(cache)

    def _measure(self, command: list[str]) -> dict[str, float]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._scratch), "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(command, cwd=_SOURCES, env=environment, stdout=subprocess.PIPE, text=True)
        with _TreeMemory(process.pid) as memory:
            output, _ = process.communicate()
        if process.returncode:
            sys.exit(f"{command[0]} ended with code {process.returncode}")
        return {**json.loads(output.splitlines()[-1]), "peak_mb": memory.peak_mb}


class _TreeMemory:
    """The peak resident memory of a process and its descendants together, sampled ten times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            total = 0
            try:
                for process in (self._process, *self._process.children(recursive=True)):
                    try:
                        total += process.memory_info().rss
                    except psutil.NoSuchProcess:
                        continue
            except psutil.NoSuchProcess:
                return
            self.peak_mb = max(self.peak_mb, total / 1e6)


def _environment(directory: Path) -> Path:
    """The Python of the virtual environment with `datasets`, made once."""
    python = directory / "bin" / "python"
    stamp = directory / "installed"
    wanted = "\n".join(_COMPARED_WITH)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing {', '.join(_COMPARED_WITH)} into {directory} …", file=sys.stderr, flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        venv.create(directory, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_COMPARED_WITH], check=True)
        stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    run(main)
