"""Service tax: steps a second of one job, run by the engine alone and inside the service with a live client (--rounds, --turns).

In each round a bare run and a job in the service are started in new processes, because two processes with the same work differ
in speed by one or two percent for as long as they run. Then they take turns: while one computes, all processes of the other are
stopped (those of the service together with its engine), because a machine's speed changes from minute to minute by more than the
tax. Work that the service could not do while stopped, it does in its next turn.

The job has the network and the batch of `./run bench mlm`. With ``--model tiny`` its steps are several times as fast, so that the
service has to record and send as many times more points.
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
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import seedbed

from benchmarks._harness import Running, report, service
from benchmarks._processes import run
from benchmarks._turns import Player, family

STEPS = 10_000_000
"""More steps than a measurement takes."""
POINTS_BEFORE = 3
"""Metric points of each side before the first turn, so that kernels are chosen and caches filled."""
START_TIMEOUT = 300.0
"""Seconds within which each side has to reach `POINTS_BEFORE`."""

MODELS: dict[str, tuple[dict[str, Any], int, int]] = {
    "standard": ({"layers": 4, "hidden_size": 256, "heads": 4}, 32, 8192),
    "tiny": ({"preset": "bert-tiny"}, 16, 2000),
}
"""Network, batch size, vocabulary."""


def main() -> None:
    """Measure in turns; print a table, then the figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench service-tax", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds, each with two new runs")
    parser.add_argument("--turns", type=int, default=6, help="turns of each side in a round")
    parser.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        help="seconds of a turn; longer where a metric point takes longer",
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="standard")
    parser.add_argument("--log-every", type=int, default=10, help="steps between two metric points")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of each engine")
    arguments = parser.parse_args()
    # The service started here inherits this variable, and the worker passes it to its engines.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    spec = _spec(arguments.model, arguments.log_every)
    rounds = []
    with (
        tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir="/var/tmp") as scratch,
        service() as running,
        seedbed.Client(running.url, running.key) as client,
    ):
        corpus = _corpus(Path(scratch))
        dataset = _dataset(client, corpus)
        for number in range(arguments.rounds):
            bare = _Bare(Path(scratch), corpus, spec, arguments.threads)
            inside = _Inside(client, dataset, spec, running)
            with bare, inside:
                seconds = _turn_seconds(bare.points, arguments.seconds)
                rounds.append(_round(bare, inside, arguments.turns, seconds))
            one = rounds[-1]
            print(
                f"round {number + 1} of {arguments.rounds}: {one.tax / one.free:.4f}",
                file=sys.stderr,
                flush=True,
            )
    free, taxed = [one.free for one in rounds], [one.tax for one in rounds]
    ratios = [one.tax / one.free for one in rounds]
    share = statistics.median(one.cpu for one in rounds) / arguments.threads
    report(
        [
            ("bare", f"median {statistics.median(free):.2f} steps/s, best {max(free):.2f}"),
            ("in the service", f"median {statistics.median(taxed):.2f} steps/s, best {max(taxed):.2f}"),
            (
                "ratio",
                f"median {statistics.median(ratios):.4f}, best {max(ratios):.4f}, worst {min(ratios):.4f}",
            ),
            ("processor time of the service", f"{share:.2%} of {arguments.threads} cores"),
            (
                "points received",
                f"{sum(one.received for one in rounds):,} of {sum(one.recorded for one in rounds):,}",
            ),
        ],
        {
            "ratio_median": statistics.median(ratios),
            "ratio_best": max(ratios),
            "ratio_worst": min(ratios),
            "ratio_of_sums": sum(taxed) / sum(free),
            "service_cpu_share": share,
            "steps_per_s_bare_median": statistics.median(free),
            "steps_per_s_service_median": statistics.median(taxed),
        },
    )


def _spec(model: str, log_every: int) -> dict[str, Any]:
    network, batch_size, vocabulary_size = MODELS[model]
    return {
        "name": "tax",
        "task": {"kind": "masked_lm"},
        "model": network,
        "training": {
            "steps": STEPS,
            "batch_size": batch_size,
            "sequence_length": 128,
            "log_every": log_every,
            # Not auto: trial steps on a shared machine could choose a different precision for each side.
            "precision": "fp32",
        },
        "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": vocabulary_size}},
        "resources": {"device": "cpu"},
    }


def _corpus(directory: Path) -> Path:
    """A text that is part of every Python installation."""
    corpus = directory / "corpus" / "topics.txt"
    corpus.parent.mkdir()
    corpus.write_text("\n\n".join(pydoc_data.topics.topics.values()))
    return corpus


def _dataset(client: seedbed.Client, corpus: Path) -> str:
    dataset = client.datasets.create("topics").id
    client.datasets.upload(dataset, corpus)
    client.datasets.complete(dataset)
    return dataset


@dataclass(frozen=True)
class _Round:
    """The result of one round.

    Attributes:
        free: Steps a second of the bare run.
        tax: Steps a second of the job in the service.
        cpu: Processor time of the service in its turns, as a share of one core.
        received: Metric points that the client of the live stream received.
        recorded: Metric points that the service recorded.
    """

    free: float
    tax: float
    cpu: float
    received: int
    recorded: int


def _turn_seconds(points: Sequence[tuple[int, float]], least: float) -> float:
    """Length of a turn in seconds: ``least``, or longer where steps take so long that two turns could hold no metric point.

    Args:
        points: Two or more (step, Unix time) of a run that was not stopped meanwhile.
    """
    return max(least, 1.5 * (points[-1][1] - points[-2][1]))


def _round(bare: "_Bare", inside: "_Inside", turns: int, seconds: float) -> _Round:
    # Turns before and after that are not counted, so that each measured interval lies between two metric points.
    _alternate(bare.player, inside.player, 2, seconds)
    begun, cpu = (bare.player.clock, inside.player.clock), inside.cpu_seconds()
    _alternate(bare.player, inside.player, turns, seconds)
    ended, cpu = (bare.player.clock, inside.player.clock), inside.cpu_seconds() - cpu
    _alternate(bare.player, inside.player, 2, seconds)
    recorded = inside.finish()
    return _Round(
        free=_rate(bare.player, bare.points, begun[0], ended[0]),
        tax=_rate(inside.player, recorded, begun[1], ended[1]),
        cpu=cpu / (ended[1] - begun[1]),
        received=inside.received,
        recorded=len(recorded),
    )


def _alternate(one: Player, other: Player, turns: int, seconds: float) -> None:
    """Give both sides so many turns, and reverse the order every second time."""
    for number in range(turns):
        for player in (one, other) if number % 2 else (other, one):
            player.turn(seconds)


def _rate(player: Player, points: list[tuple[int, float]], begun: float, ended: float) -> float:
    """Steps a second between two times of the player's clock."""
    first, last = player.steps(points, [begun, ended])
    return (last - first) / (ended - begun)


def _await(reached: Callable[[], bool], failed: Callable[[], str | None]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not reached():
        if problem := failed():
            sys.exit(problem)
        if time.monotonic() > deadline:
            sys.exit(f"A job did not reach its first steps within {START_TIMEOUT:.0f} s.")
        time.sleep(0.1)


class _Bare:
    """``python -m core run``, started by this process, which reads its events."""

    def __init__(self, directory: Path, corpus: Path, spec: dict[str, Any], threads: int) -> None:
        self._out = directory / "out"
        path = directory / "spec.json"
        path.write_text(json.dumps(spec))
        self._command: list[str | Path] = [
            *(sys.executable, "-m", "core", "run", path, "--data", corpus.parent),
            *("--out", self._out, "--cache", directory / "cache", "--threads", str(threads)),
        ]
        self.points: list[tuple[int, float]] = []

    def __enter__(self) -> Self:
        reader, writer = os.pipe()
        self._process = subprocess.Popen(
            [*self._command, "--events-fd", str(writer)], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        self._listening = threading.Thread(target=self._listen, args=[reader], daemon=True)
        self._listening.start()
        self.player = Player(lambda: family(self._process.pid))
        try:
            _await(lambda: len(self.points) >= POINTS_BEFORE, self._ended)
        except BaseException:
            self.__exit__()
            raise
        self.player.stop()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listening.join()
        shutil.rmtree(self._out, ignore_errors=True)

    def _ended(self) -> str | None:
        code = self._process.poll()
        return None if code is None else f"The bare run ended with {code}."

    def _listen(self, reader: int) -> None:
        with os.fdopen(reader, encoding="utf-8") as events:
            for line in events:
                event = json.loads(line)
                if event["event"] == "metrics" and "train/loss" in event["values"]:
                    self.points.append((event["step"], event["time"]))


class _Inside:
    """The same job through the service, with a client that reads its live stream, as the dashboard's page of a job does."""

    def __init__(self, client: seedbed.Client, dataset: str, spec: dict[str, Any], running: Running) -> None:
        self._client = client
        self._dataset = dataset
        self._spec = spec
        self._running = running
        self.received = 0

    def __enter__(self) -> Self:
        self._job = self._client.jobs.submit(self._spec, dataset=self._dataset).id
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self.player = Player(lambda: [process.pid for process in self._processes()])
        _await(lambda: self.received >= POINTS_BEFORE, self._failed)
        self.player.stop()
        return self

    def __exit__(self, *_: object) -> None:
        self.player.release()

    def finish(self) -> list[tuple[int, float]]:
        """Cancel the job, read its stream to the end, and return all points that the service has recorded."""
        self.player.release()
        self._client.jobs.cancel(self._job)
        self._listening.join(START_TIMEOUT)
        ended = self._client.jobs.get(self._job)
        if ended.state != "cancelled" or ended.attempt != 1:
            sys.exit(f"The job {ended.state} in attempt {ended.attempt}: {ended.failure}")
        series = self._client.jobs.metrics(self._job, ["train/loss"], max_points=20_000).series["train/loss"]
        return list(zip(series.steps, series.times, strict=True))

    def cpu_seconds(self) -> float:
        """Processor time so far, in seconds, of the service's running processes without the engine."""
        total = 0.0
        for process in self._processes(engine=False):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def _processes(self, *, engine: bool = True) -> Iterator[psutil.Process]:
        """API, worker, PostgreSQL and Valkey; with `engine`, also the engine and the preloaded server."""
        home = str(self._running.home.directory)
        waiting = [self._running.process]
        waiting += (
            process
            for process in psutil.process_iter(["cmdline"])
            if any(home in word for word in process.info["cmdline"] or ())
        )
        seen = set()
        while waiting:
            process = waiting.pop()
            with contextlib.suppress(psutil.NoSuchProcess):
                preloaded = process.cmdline()[1:4] == ["-m", "core", "serve"]
                if process.pid not in seen and (engine or not preloaded):
                    seen.add(process.pid)
                    waiting += process.children()
                    yield process

    def _failed(self) -> str | None:
        job = self._client.jobs.get(self._job)
        return f"The job {job.state}: {job.failure}" if job.finished_at else None

    def _listen(self) -> None:
        for update in self._client.jobs.watch(self._job):
            if isinstance(update, seedbed.MetricPoint) and "train/loss" in update.values:
                self.received += 1


if __name__ == "__main__":
    run(main)
