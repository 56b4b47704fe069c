"""The four processes of a service on one machine, with one interface to start, poll, stop and restart them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from standalone.console import LogPipe, say
from standalone.problems import ProblemError
from standalone.server import EmbeddedServer
from worker.parent_death import dies_with_parent

_BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_SETTLED_SECONDS = 30.0
"""The back-off starts again from its first value if the part ran at least this long before it died."""


class Part(Protocol):
    """One process that runs as long as the service does."""

    name: str

    def start(self) -> None:
        """Start it.

        Raises:
            ProblemError: it did not start.
        """

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def stop(self) -> None:
        """Ask it to end and wait; kill it if it does not end in time."""

    def cut_short(self) -> None:
        """End the wait of `stop`. Called from a signal handler, possibly while `stop` is waiting."""


class Server:
    """An embedded server as a part."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.name = server.name
        self._server = server

    def start(self) -> None:
        self._server.start()

    def poll(self) -> int | None:
        return 0 if self._server.process is None else self._server.process.poll()

    def stop(self) -> None:
        self._server.stop()

    def cut_short(self) -> None:
        """Do nothing: the server shuts down within moments, and an orderly shutdown spares the next start a recovery."""


class Program:
    """A command of ``seedbed-server`` as a part.

    Args:
        name: The part's name and the command's, as in ``seedbed-server api``.
        stop_seconds: The time between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        log: LogPipe,
        stop_seconds: float,
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "standalone.cli", name, *arguments]
        self._environment = environment
        self._directory = directory
        self._log = log
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command,
            env=self._environment,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=self._log.write,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal must reach only this process, which stops its parts in order.
            start_new_session=True,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one prctl, resolved beforehand
        )

    def poll(self) -> int | None:
        return 0 if self._process is None else self._process.poll()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                say(f"{self.name} did not end within {self._stop_seconds:.0f} s; killing it")
                self._process.kill()
                self._process.wait()

    def cut_short(self) -> None:
        if self._process is not None:
            self._process.kill()


class Restarter:
    """Restarts a part that has died, after a back-off that grows with the number of its deaths."""

    def __init__(self, part: Part, clock: Callable[[], float] = time.monotonic) -> None:
        self.part = part
        self._clock = clock
        self._started = 0.0
        self._deaths = 0
        self._restart_at: float | None = None

    def start(self) -> None:
        self.part.start()
        self._started = self._clock()

    def check(self) -> None:
        """Restart the part if it has died and its back-off is over. To be called repeatedly."""
        now = self._clock()
        if self._restart_at is None:
            code = self.part.poll()
            if code is None:
                return
            if now - self._started > _SETTLED_SECONDS:
                self._deaths = 0
            pause = _BACK_OFF_SECONDS[min(self._deaths, len(_BACK_OFF_SECONDS) - 1)]
            self._deaths += 1
            self._restart_at = now + pause
            say(f"{self.part.name} has died ({_explain(code)}); starting it again in {pause:g} s")
        elif now >= self._restart_at:
            self._restart_at = None
            try:
                self.start()
            except ProblemError as error:
                self._started = now
                say(str(error))


def _explain(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def package_root() -> Path:
    """The directory that holds this project's packages: a checkout, or site-packages."""
    return Path(__file__).resolve().parents[1]


def children_environment(service: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process: this process's own, overridden by the service's settings."""
    path = os.pathsep.join(filter(None, [str(package_root()), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **service, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
