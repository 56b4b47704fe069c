"""Runs tests in copies of the tree: all must pass without a mutation, and some must fail with one."""

import contextlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Literal, TypeVar

from benchmarks._environment import ROOT
from benchmarks.mutations.copies import Copy
from benchmarks.mutations.lists import Mutation, StaleError

Verdict = Literal["noticed", "timeout", "survived", "stale"]
_PASSED = 0
_NOTHING_COLLECTED = 5
_BASE_LIMIT_SECONDS = 120.0
_LIMIT_FACTOR = 10.0
_BASELINE_SECONDS = 1800.0
_TAIL = 4000

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class TestRun:
    """The result of a run of pytest."""

    code: int | None
    """Its exit code; None if it was stopped at the time limit."""
    seconds: float
    output: str
    """The end of what it printed."""

    @property
    def passed(self) -> bool:
        """Whether tests ran and none failed."""
        return self.code == _PASSED

    @property
    def verdict(self) -> Verdict:
        """The verdict on the mutation. A missing test counts as one that noticed nothing."""
        if self.code is None:
            return "timeout"
        return "survived" if self.code in {_PASSED, _NOTHING_COLLECTED} else "noticed"


class Bench:
    """Several copies of the tree, one test run in each at a time.

    Args:
        copies: The copies in which tests run.
    """

    def __init__(self, copies: Sequence[Copy]) -> None:
        self._free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for copy in copies:
            self._free.put(copy)
        self._pool = ThreadPoolExecutor(len(copies))
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def close(self) -> None:
        """Stop every test run and wait until all their processes have ended."""
        self._stopping.set()
        with self._lock:
            for process in self._running:
                process.terminate()
        self._pool.shutdown(cancel_futures=True)

    def passes(self, tests: Sequence[str]) -> TestRun:
        """Run tests in an unchanged copy."""
        with self._copy() as copy:
            return self._test(copy, tests, _BASELINE_SECONDS)

    def tried(self, mutation: Mutation, unchanged_seconds: float) -> tuple[Verdict, float, str]:
        """Whether a mutation is noticed, the seconds, and the end of the tests' output.

        Args:
            unchanged_seconds: The seconds that its tests take without it; the time limit is a multiple of it.
        """
        with self._copy() as copy:
            try:
                with copy.mutated(mutation):
                    limit = _BASE_LIMIT_SECONDS + _LIMIT_FACTOR * unchanged_seconds
                    done = self._test(copy, mutation.tests, limit)
            except StaleError as error:
                return "stale", 0.0, str(error)
            return done.verdict, done.seconds, done.output

    def each(self, action: Callable[[T], R], things: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Call ``action`` for each thing, as many at once as there are copies; yields results in the order of completion."""
        futures: dict[Future[R], T] = {self._pool.submit(action, thing): thing for thing in things}
        for future in as_completed(futures):
            yield futures[future], future.result()

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def _test(self, copy: Copy, tests: Sequence[str], limit_seconds: float) -> TestRun:
        command = [
            *(sys.executable, "-m", "benchmarks._contained", str(copy.root)),
            *(str(copy.python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            *("--hypothesis-seed=0", *tests),
        ]
        clock = time.perf_counter()
        with tempfile.TemporaryFile() as output:
            with self._lock:
                if self._stopping.is_set():
                    raise InterruptedError("stopped")
                # `_contained` runs from the original tree, so that no mutation changes the code that stops the tests.
                process = subprocess.Popen(
                    command,
                    env=copy.environment(),
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
                self._running.add(process)
            try:
                code: int | None = process.wait(limit_seconds)
            except subprocess.TimeoutExpired:
                code = None
                process.terminate()
                process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
            output.seek(0)
            text = output.read().decode(errors="replace")[-_TAIL:]
        return TestRun(code, time.perf_counter() - clock, text)
