"""Service tax: steps a second of one job, bare and inside the service with a dashboard listening (--rounds, --steps, --model).

The job is the network and the batch of `./run bench mlm`; with ``--model tiny`` one whose steps are several times as fast, so
that the service has as much more to tell.
"""

import argparse
import contextlib
import json
import os
import pydoc_data.topics
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import seedbed

from benchmarks._harness import Running, report, service

WARM_UP = 0.2
"""Share of the steps that is not counted: kernels are chosen, caches filled."""

MODELS: dict[str, tuple[dict[str, Any], int, int]] = {
    "standard": ({"layers": 4, "hidden_size": 256, "heads": 4}, 32, 8192),
    "tiny": ({"preset": "bert-tiny"}, 16, 2000),
}
"""Network, batch size, vocabulary."""


def main() -> None:
    """Measure in turns; a table, then the figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench service-tax", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of a bare run and a job")
    parser.add_argument("--steps", type=int, default=120, help="of each")
    parser.add_argument("--model", choices=sorted(MODELS), default="standard")
    parser.add_argument("--log-every", type=int, default=10, help="steps from one metric point to the next")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of computation, of both")
    arguments = parser.parse_args()
    # What the worker gives its engines; the service that is started here inherits it.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    spec = _spec(arguments.model, arguments.steps, arguments.log_every)
    with (
        tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir="/var/tmp") as scratch,
        service() as running,
        seedbed.Client(running.url, running.key) as client,
    ):
        bare = _Bare(Path(scratch), spec, arguments.threads)
        inside = _Inside(client, bare.corpus, spec, _Household(running))
        # Each once uncounted: the first prepares the data.
        bare.run()
        inside.run()
        pairs = [(bare.run(), inside.run()) for _ in range(arguments.rounds)]
    ratios = [tax / free for free, tax in pairs]
    report(
        [
            ("bare", _rates([free for free, _ in pairs])),
            ("in the service", _rates([tax for _, tax in pairs])),
            (
                "ratio",
                f"median {statistics.median(ratios):.4f}, best {max(ratios):.4f}, worst {min(ratios):.4f}",
            ),
            ("the service computes", f"{inside.cpu_share:.2%} of {arguments.threads} cores meanwhile"),
            ("points heard", f"{inside.heard:,} of {inside.expected:,}"),
        ],
        {
            "ratio_median": statistics.median(ratios),
            "ratio_best": max(ratios),
            "ratio_of_medians": statistics.median(t for _, t in pairs)
            / statistics.median(f for f, _ in pairs),
            "service_cpu_share": inside.cpu_share,
            "steps_per_s_bare_median": statistics.median(free for free, _ in pairs),
            "steps_per_s_service_median": statistics.median(tax for _, tax in pairs),
        },
    )


def _spec(model: str, steps: int, log_every: int) -> dict[str, Any]:
    network, batch_size, vocabulary_size = MODELS[model]
    return {
        "name": "tax",
        "task": {"kind": "masked_lm"},
        "model": network,
        "training": {
            "steps": steps,
            "batch_size": batch_size,
            "sequence_length": 128,
            "log_every": log_every,
        },
        "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": vocabulary_size}},
        "resources": {"device": "cpu"},
    }


def _rates(values: list[float]) -> str:
    return f"median {statistics.median(values):.2f} steps/s, best {max(values):.2f}"


def steps_per_s(times: dict[int, float], steps: int) -> float:
    """From step → Unix time at which the engine told of it; the first steps are left out, and so is the evaluation
    at the end, for the last step's point is told before it."""
    first = min(step for step in times if step >= WARM_UP * steps)
    return (steps - first) / (times[steps] - times[first])


class _Bare:
    """``python -m core run``, with nobody around it but this process, which reads its events."""

    def __init__(self, directory: Path, spec: dict[str, Any], threads: int) -> None:
        self._directory = directory
        self._steps: int = spec["training"]["steps"]
        self._spec = directory / "spec.json"
        self._spec.write_text(json.dumps(spec))
        self._threads = threads
        self.corpus = directory / "corpus" / "topics.txt"
        self.corpus.parent.mkdir()
        self.corpus.write_text("\n\n".join(pydoc_data.topics.topics.values()))

    def run(self) -> float:
        out = self._directory / "out"
        shutil.rmtree(out, ignore_errors=True)
        times: dict[int, float] = {}
        reader, writer = os.pipe()
        command: list[str | Path] = [
            *(sys.executable, "-m", "core", "run", self._spec, "--data", self.corpus.parent, "--out", out),
            *("--cache", self._directory / "cache", "--threads", str(self._threads)),
            *("--events-fd", str(writer)),
        ]
        process = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as events:
            for line in events:
                event = json.loads(line)
                if event["event"] == "metrics" and "train/loss" in event["values"]:
                    times[event["step"]] = event["time"]
        if process.wait() != 0:
            sys.exit(f"The bare run ended with {process.returncode}.")
        return steps_per_s(times, self._steps)


class _Inside:
    """The same job through the service, its page open in a browser: the stream is read to its end meanwhile."""

    def __init__(
        self, client: seedbed.Client, corpus: Path, spec: dict[str, Any], household: "_Household"
    ) -> None:
        self._client = client
        self._household = household
        self._shares: list[float] = []
        self._spec = spec
        self._steps: int = spec["training"]["steps"]
        self._dataset = client.datasets.create("topics").id
        client.datasets.upload(self._dataset, corpus)
        client.datasets.complete(self._dataset)
        self.heard = self.expected = 0

    @property
    def cpu_share(self) -> float:
        """Of the cores that the engine computes on, what the service took meanwhile: no load of others is in it."""
        return statistics.median(self._shares[1:])

    def run(self) -> float:
        begun, before = time.monotonic(), self._household.cpu_seconds()
        job = self._client.jobs.submit(self._spec, dataset=self._dataset).id
        for update in self._client.jobs.watch(job):
            if isinstance(update, seedbed.MetricPoint) and "train/loss" in update.values:
                self.heard += 1
        spent = self._household.cpu_seconds() - before
        self._shares.append(spent / (time.monotonic() - begun) / int(os.environ["OMP_NUM_THREADS"]))
        ended = self._client.jobs.get(job)
        if ended.state != "succeeded":
            sys.exit(f"The job {ended.state}: {ended.failure}")
        series = self._client.jobs.metrics(job, ["train/loss"], max_points=20_000).series["train/loss"]
        self.expected += len(series.steps)
        return steps_per_s(dict(zip(series.steps, series.times, strict=True)), self._steps)


class _Household:
    """All that the service is besides the engine: its API, its worker's own processes, PostgreSQL and Valkey."""

    def __init__(self, running: Running) -> None:
        everywhere = list(psutil.process_iter(["cmdline"]))
        home = str(running.home.directory)
        roots = [
            running.process,
            *(p for p in everywhere if any(home in word for word in p.info["cmdline"] or ())),
        ]
        self._roots = {process.pid: process for process in roots}

    def cpu_seconds(self) -> float:
        """What they have computed so far; what a process did that has ended meanwhile is not in it."""
        found: dict[int, float] = {}
        for root in self._roots.values():
            self._count(root, found)
        return sum(found.values())

    def _count(self, process: psutil.Process, found: dict[int, float]) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[1:4] == ["-m", "core", "serve"]:
                return
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
            for child in process.children():
                self._count(child, found)


if __name__ == "__main__":
    main()
