"""Shared by the benchmarks: the whole service in a temporary directory, interleaved measurements, and the report."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import seedbed

from standalone.home import Home
from worker.parent_death import dies_with_parent

START_SECONDS = 120.0
STOP_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """A service that ``seedbed-server up`` runs."""

    home: Home
    url: str
    key: str
    process: psutil.Process
    log: Path
    """The file with the output of all its processes."""

    @property
    def api(self) -> psutil.Process:
        """The process that answers requests."""
        return next(
            child
            for child in self.process.children()
            if child.cmdline()[1:4] == ["-m", "standalone.cli", "api"]
        )


@contextlib.contextmanager
def service() -> Iterator[Running]:
    """Start the service as users do, and wait until a worker is idle with its engine preloaded; remove it at the end."""
    # Below /var/tmp and with mode 0711: started by root, PostgreSQL runs as another user, who must reach it.
    with tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir="/var/tmp") as scratch:
        Path(scratch).chmod(0o711)
        home = Home(Path(scratch, "home"))
        log = Path(scratch, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "standalone.cli", "up", "--port", "0", "--device", "cpu"],
                env={**os.environ, "SEEDBED_HOME": str(home.directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one prctl, resolved beforehand
            )
        try:
            yield _ready(process, home, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready(process: "subprocess.Popen[bytes]", home: Home, log: Path) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        known = home.client()
        if known is not None:
            with (
                seedbed.Client(known["url"], known["key"], retries=0) as client,
                contextlib.suppress(seedbed.SeedbedError),
            ):
                if any(worker.state == "idle" for worker in client.workers.list()):
                    return Running(home, known["url"], known["key"], psutil.Process(process.pid), log)
        time.sleep(0.1)
    sys.exit(f"The service did not start. Its log ends:\n{log.read_text()[-3000:]}")


def interleaved(rounds: int, **measures: Callable[[], float]) -> dict[str, list[float]]:
    """Run the measures in turns, so that a temporary disturbance of the machine affects all of them.

    Returns:
        From each measure's name to its value in every round.
    """
    measured: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            measured[name].append(measure())
    return measured


def percentile(values: Iterable[float], share: float) -> float:
    """The percentile by the nearest-rank method: a fraction ``share`` of all values is at most this value."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class PeakMemory:
    """The peak resident memory of a process since the last `restart`, as counted by the kernel, in MB."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def restart(self) -> None:
        """Reset the peak to the present value."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    @property
    def now_mb(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6


def report(rows: Iterable[tuple[str, str]], figures: Mapping[str, float]) -> None:
    """Print a table for people, then the figures as one line of JSON."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))
