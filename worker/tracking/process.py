"""Feeds the process of one sink from a bounded queue, so that a sink that hangs, fails or is killed never holds up an attempt."""

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from worker.parent_death import dies_with_parent
from worker.tracking.sink import Opening

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Steps whose points wait for a sink; further ones are left out, and the sink is given up."""


@dataclass(frozen=True)
class Kind:
    """A kind of sink and its settings."""

    name: str
    module: str
    options: Mapping[str, str]
    environment: Mapping[str, str]
    """Of its process, credentials included."""


@dataclass(frozen=True)
class Trouble:
    """Why a sink does not get the job's metrics any more."""

    sink: str
    code: str
    """``sink_failed``, ``sink_ended`` or ``sink_too_slow``."""
    error: str


class SinkProcess:
    """One sink of one attempt. No method waits for the sink.

    Args:
        tell: Called once at most, from another thread, if there is trouble.
        seconds: How long the sink may take to finish after the attempt's end; then it is killed.
        after: The sink of an earlier attempt at the job, which has to end before this one reads what it wrote.
    """

    def __init__(
        self,
        kind: Kind,
        opening: Opening,
        tell: Callable[[Trouble], object],
        *,
        seconds: float,
        after: "SinkProcess | None" = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._kind = kind
        self._tell = tell
        self._seconds = seconds
        self._after = after
        self._waiting: queue.Queue[Mapping[str, Any]] = queue.Queue(most_waiting)
        self._given_up = threading.Event()
        self._over = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._waiting.put_nowait(asdict(opening))
        self._thread = threading.Thread(target=self._run, name=f"sink {kind.name}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of its process, once that is started."""
        with self._lock:
            return None if self._process is None else self._process.pid

    def points(self, step: int, moment: float, values: Mapping[str, Any]) -> None:
        """Pass on the values of a step."""
        self._put({"step": step, "time": moment, "values": dict(values)})

    def end(self, ending: str) -> None:
        """The attempt is over: the sink may finish by itself, for `seconds` at most."""
        self._put({"ending": ending})
        with self._lock:
            self._over = True
        self._limit()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the process has ended. Returns whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def kill(self) -> None:
        """End the process at once."""
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def _limit(self) -> None:
        timer = threading.Timer(self._seconds, self.kill)
        timer.daemon = True
        timer.start()

    def _put(self, message: Mapping[str, Any]) -> None:
        if self._given_up.is_set():
            return
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._give_up("sink_too_slow", f"{self._waiting.maxsize:,} steps wait for it")
            self.kill()

    def _give_up(self, code: str, error: str) -> None:
        with self._lock:
            if self._given_up.is_set():
                return
            self._given_up.set()
        log.warning("%s gets no more metrics: %s", self._kind.name, error)
        self._tell(Trouble(self._kind.name, code, error))

    def _run(self) -> None:
        if self._after is not None:
            self._after.join()  # at its attempt's end it got a time limit
            self._after = None
        with self._lock:
            if self._given_up.is_set():
                return
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "worker.tracking.child", self._kind.module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(self._kind.environment),
                text=True,
                bufsize=1,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - it calls prctl alone
            )
        except OSError as error:
            self._give_up("sink_failed", str(error))
            return
        with self._lock:
            self._process = process
            over, given_up = self._over, self._given_up.is_set()
        if over:  # the time limit begins anew, since it started late
            self._limit()
        if given_up:
            process.kill()
        feeder = threading.Thread(
            target=self._feed, args=(process,), name=f"sink {self._kind.name} input", daemon=True
        )
        feeder.start()
        assert process.stdout is not None
        with process.stdout as answers:
            answer = answers.readline()
        code = process.wait()
        if answer:
            told = json.loads(answer)
            self._give_up("sink_failed", f"{told['kind']}: {told['error']}")
        elif code:
            self._give_up("sink_ended", f"its process ended with exit code {code}")
        with self._lock:
            self._given_up.set()
        feeder.join()

    def _feed(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        try:
            while True:
                try:
                    message = self._waiting.get(timeout=1.0)
                except queue.Empty:
                    if process.poll() is not None:
                        return
                    continue
                process.stdin.write(json.dumps(message) + "\n")
                if "ending" in message:
                    return
        except BrokenPipeError:
            pass  # it has ended; `_run` tells why
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
