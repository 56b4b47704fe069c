"""Forget: what later stages cost the earlier ones, by method; split Fashion-MNIST and texts (--data DIR, --only, --seeds).

``images``: five stages of two classes each, and the mean accuracy over all stages after the last one, with the stage of a sample known
(``task``) and unknown (``class``). ``language``: masked-language pretraining on Python's documentation, then on Shakespeare. Every job is run by
``python -m core`` from a spec; engines are forked by its preloaded server.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._engine import processor, run_directory
from benchmarks._processes import end_descendants, run
from benchmarks.forget import images, language
from benchmarks.forget.lineage import Runner
from worker.engine import PreloadedServer, clean_environment

PARTS = ("images", "language")
DIGITS = 4


def main() -> int:
    """Measure, print a line for each method, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench forget", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(),
        help=f"directory with {language.FILE}, and with the files of Fashion-MNIST unless Debian's package "
        f"{images.PACKAGE} is installed (default: this one)",
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="part; may be repeated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at a time, each with one thread (default 2)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs there: logs, checkpoints")
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    fashion = images.find(arguments.data) if "images" in parts else None
    if "language" in parts:
        language.require(arguments.data)
    figures: dict[str, Any] = {}
    with (
        run_directory(arguments.keep, "forget") as scratch,
        tempfile.TemporaryDirectory(prefix="seedbed-forget-") as private,
        ThreadPoolExecutor(arguments.jobs) as pool,
    ):
        server = PreloadedServer(Path(private), clean_environment("cpu"))
        server.start()
        bench = Bench(Runner(scratch, server), pool, range(arguments.seeds))
        try:
            if fashion is not None:
                figures |= bench.images(fashion)
            if "language" in parts:
                figures |= bench.language(arguments.data)
        except BaseException:
            # Without this the pool would first do all that waits.
            pool.shutdown(wait=False, cancel_futures=True)
            end_descendants()
            raise
        finally:
            server.stop()
    print(json.dumps(figures | {"seeds": arguments.seeds, "processor": processor()}))
    return 0


class Bench:
    """The parts of the benchmark; the runs of all seeds and methods in one pool."""

    def __init__(self, runner: Runner, pool: ThreadPoolExecutor, seeds: Sequence[int]) -> None:
        self._runner = runner
        self._pool = pool
        self._seeds = seeds

    def images(self, source: Path) -> dict[str, Any]:
        """Mean accuracy over the stages after the last one, for each scenario and method."""
        began = time.perf_counter()
        data = images.write_stages(source, self._runner.scratch / "images")
        first = {
            seed: self._pool.submit(images.first_stage, self._runner, data, seed) for seed in self._seeds
        }
        waiting = {
            (scenario, method, seed): self._pool.submit(
                images.go_on, self._runner, data, seed, first[seed].result(), (scenario, method)
            )
            for scenario in images.SCENARIOS
            for method in images.METHODS
            for seed in self._seeds
        }
        figures: dict[str, Any] = {}
        for scenario in images.SCENARIOS:
            for method in images.METHODS:
                ends = [waiting[scenario, method, seed].result() for seed in self._seeds]
                name = f"{scenario}_{method}"
                figures |= _told(name, [images.average_accuracy(end) for end in ends])
        return figures | {"images_seconds": round(time.perf_counter() - began, 1)}

    def language(self, source: Path) -> dict[str, Any]:
        """What is forgotten of the first text, and learned of the second, in bits a byte, for each method."""
        began = time.perf_counter()
        data = language.write_stages(source, self._runner.scratch / "texts")
        first = {
            seed: self._pool.submit(language.first_stage, self._runner, data, seed) for seed in self._seeds
        }
        waiting = {
            (method, seed): self._pool.submit(
                language.second_stage, self._runner, data, seed, first[seed].result(), method
            )
            for method in language.METHODS
            for seed in self._seeds
        }
        figures: dict[str, Any] = {}
        for method in language.METHODS:
            ends = [(first[seed].result(), waiting[method, seed].result()) for seed in self._seeds]
            figures |= _told(f"forgetting_{method}", [language.forgetting(*pair) for pair in ends])
            figures |= _told(f"plasticity_{method}", [language.plasticity(second) for _, second in ends])
        return figures | {"language_seconds": round(time.perf_counter() - began, 1)}


def _told(name: str, values: Sequence[float]) -> dict[str, float]:
    """Print the values of all seeds, and return their mean and standard deviation."""
    mean, spread = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    each = " ".join(f"{value:.4f}" for value in values)
    print(f"{name:24} {mean:.4f} ± {spread:.4f}  ({each})", flush=True)
    return {f"{name}_mean": round(mean, DIGITS), f"{name}_std": round(spread, DIGITS)}


if __name__ == "__main__":
    run(main)
