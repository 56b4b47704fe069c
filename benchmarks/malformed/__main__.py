"""Malformed files: feeds 50,000 mutated files of every kind to the readers of uploads (--cases, --seed, --case N)."""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks._processes import run
from benchmarks.malformed.corpus import corpus
from benchmarks.malformed.trials import MEMORY_BYTES, case, read
from worker.parent_death import dies_with_parent

SECONDS = 5.0
"""Processor time that a file of at most one megabyte may take, all threads together."""
_WALL_A_SECOND = 12
"""Elapsed seconds allowed for each second of `SECONDS`, as other work may use the processors; a longer case counts as hung."""


@dataclass
class Tally:
    """The counts of the cases' results."""

    cases: int = 0
    read: int = 0
    """Files that were read, completely or in part; the others were refused."""
    uncaught: list[dict[str, Any]] = field(default_factory=list)
    over_budget: list[dict[str, Any]] = field(default_factory=list)
    worst: dict[str, Any] = field(default_factory=lambda: {"seconds": 0.0})
    largest: dict[str, Any] = field(default_factory=lambda: {"megabytes": 0.0})

    def add(self, answer: dict[str, Any]) -> None:
        self.cases += 1
        self.read += bool(answer.get("read"))
        if "raised" in answer or "died" in answer:
            self.uncaught.append(answer)
        if "memory" in answer or answer["seconds"] > SECONDS:
            self.over_budget.append(answer)
        self.worst = max(self.worst, answer, key=lambda one: one["seconds"])
        self.largest = max(self.largest, answer, key=lambda one: one["megabytes"])


Answers = queue.SimpleQueue[dict[str, Any] | BaseException | None]


def _drive(first: int, step: int, end: int, seed: int, answers: Answers) -> None:
    """Try every ``step``-th case in a child process; if a case ends the process, continue after it in a new one."""
    try:
        while first < end:
            first = _until_it_ends(first, step, end, seed, answers)
        answers.put(None)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
        answers.put(error)


def _until_it_ends(first: int, step: int, end: int, seed: int, answers: Answers) -> int:
    """Start a process and pass its answers on; return the number of the next case."""
    arguments = [str(number) for number in (first, step, end, seed)]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "benchmarks.malformed.trials", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one prctl, resolved beforehand
    ) as process:
        assert process.stdout is not None
        begun: int | None = None
        following = first
        watch: threading.Timer | None = None
        since = time.monotonic()
        for line in process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if watch is not None:
                watch.cancel()
                watch = None
            begun = answer.get("begun")
            if begun is None:
                answers.put(answer)
                following = answer["number"] + step
                continue
            since = time.monotonic()
            watch = threading.Timer(SECONDS * _WALL_A_SECOND, process.kill)
            watch.start()
        if watch is not None:
            watch.cancel()
        code = process.wait()
        if begun is None:
            if code:
                raise RuntimeError(f"a process that tries cases ended with {code} between two of them")
            return following
        answers.put({"number": begun, "died": code, "megabytes": 0.0, "seconds": time.monotonic() - since})
        return begun + step


def attack(cases: int, seed: int, processes: int) -> Tally:
    """Try so many cases in parallel processes."""
    tally = Tally()
    answers: Answers = queue.SimpleQueue()
    for first in range(processes):
        threading.Thread(target=_drive, args=(first, processes, cases, seed, answers), daemon=True).start()
    running = processes
    while running:
        answer = answers.get()
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            running -= 1
            continue
        tally.add(answer)
        if tally.cases % 5000 == 0:
            print(f"{tally.cases:,} cases, {len(tally.uncaught)} uncaught", flush=True)
    return tally


def main() -> int:
    """Try the cases; print the fault of each failed case, then the figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench malformed", description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--case", type=int, metavar="N", help="try only this case, in this process")
    arguments = parser.parse_args()
    if arguments.case is not None:
        sample, content = case(arguments.seed, arguments.case, corpus())
        print(f"{sample.name}, {len(content):,} bytes")
        read(sample, content)
        return 0
    tally = attack(arguments.cases, arguments.seed, arguments.processes)
    for title, found in (("uncaught", tally.uncaught), ("over budget", tally.over_budget)):
        for answer in found[:20]:
            died = f"its process ended with {answer['died']}" if "died" in answer else answer
            what = answer.get("raised", died)
            print(f"{title}: --seed {arguments.seed} --case {answer['number']}: {what}")
    print(
        f"slowest: case {tally.worst.get('number')}, {tally.worst['seconds']:.2f} s of processor time ({SECONDS:g} are allowed); "
        f"largest: case {tally.largest.get('number')}, {tally.largest['megabytes']:.0f} MB ({MEMORY_BYTES >> 20} are allowed)"
    )
    print(
        json.dumps(
            {
                "cases": tally.cases,
                "uncaught": len(tally.uncaught),
                "over_budget": len(tally.over_budget),
                "read": tally.read,
                "worst_s": round(tally.worst["seconds"], 3),
                "peak_mb": round(tally.largest["megabytes"], 1),
                "seed": arguments.seed,
            }
        )
    )
    return 1 if tally.uncaught or tally.over_budget or tally.cases != arguments.cases else 0


if __name__ == "__main__":
    run(main)
