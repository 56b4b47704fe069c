"""Runs the engine from the command line, ``python -m core run``, and collects its events with their times."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._environment import ROOT


@dataclass(frozen=True)
class EngineRun:
    """A run that ended without an error."""

    out: Path
    events: list[dict[str, Any]]
    started: float
    """Unix time in seconds at which the command started."""
    wall_s: float
    """Seconds that the whole command took: imports, preparation, training, evaluation, the checkpoint."""

    def points(self, name: str) -> list[tuple[int, float, float]]:
        """(step, Unix time, value) of each point of a metric."""
        return [
            (event["step"], event["time"], event["values"][name])
            for event in self.events
            if event["event"] == "metrics" and name in event["values"]
        ]

    @property
    def checkpoint(self) -> Path:
        return max(self.out.glob("step-*"))


def engine(
    spec: dict[str, Any],
    *,
    data: Path,
    out: Path,
    cache: Path,
    threads: int | None = None,
    start: Path | None = None,
    teacher: Path | None = None,
) -> EngineRun:
    """Run a spec from step 0 to its end; ``start`` and ``teacher`` are the checkpoints that its ``start`` and its
    ``distillation`` mean."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "job.json"
    file.write_text(json.dumps(spec))
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "core", "run", str(file), "--data", str(data), "--out", str(out)]
    command += ["--cache", str(cache), "--events-fd", str(writer)]
    command += ["--fresh"] if start is None else ["--start", str(start)]
    if teacher is not None:
        command += ["--teacher", str(teacher)]
    if threads is not None:
        command += ["--threads", str(threads)]
    started, clock = time.time(), time.perf_counter()
    with (out / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[writer], stdout=log, stderr=log)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        events = [json.loads(line) for line in stream]
    if process.wait() != 0:
        sys.exit(f"The engine failed; its log ends:\n{(out / 'log.txt').read_text()[-3000:]}")
    return EngineRun(out, events, started, time.perf_counter() - clock)


@contextlib.contextmanager
def run_directory(kept: Path | None, name: str) -> Iterator[Path]:
    """The directory of a benchmark's runs: the one to keep, or a temporary one."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix=f"seedbed-{name}-", dir="/var/tmp") as scratch:
        yield Path(scratch)


def processor() -> str:
    """The processor's name and the number of its cores that this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{name}, {len(os.sched_getaffinity(0))} cores"
