"""`EmbeddedServer`: a database server run as a child of this process.

The server and all its children inherit a file lock on its directory. The lock is free only when the last of them has
ended, so two servers never use the same files, even just after the first one's parent was killed.
"""

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from control.locks import FileLock
from control.private_directory import PrivateDirectory
from standalone.problems import ProblemError
from worker.parent_death import dies_with_parent

SOCKET_PATH_BYTES = 103
"""The longest path of a Unix socket in bytes, on macOS; Linux allows a few more."""
_SHORT = Path("/tmp")  # noqa: S108 - a private directory is made in it; that of TMPDIR may be too long


class ServerError(ProblemError):
    """A server did not start; the message gives the reason and the log's last lines."""


_LOCK_TIMEOUT_SECONDS = 30.0


class EmbeddedServer:
    """A server from a wheel, run as a child process in the foreground.

    Start it from a thread that lives as long as the process: the kernel stops the child when that thread ends.

    Args:
        directory: The directory of all files of this server; made if absent.
        output: Where its log goes, as ``subprocess.Popen`` takes it. Default: ``<name>.log`` in the directory.
    """

    name = "server"
    stop_signal = signal.SIGTERM
    stop_seconds = 30.0
    start_seconds = 60.0

    def __init__(self, directory: Path, *, output: int | IO[bytes] | None = None) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._output = output
        self._short_directory: PrivateDirectory | None = None

    @property
    def url(self) -> str:
        """The URL for clients; it is the same after a restart."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ServerError: it ended, or did not answer within `start_seconds`.
        """
        raise NotImplementedError

    def before_exec(self) -> None:
        """Called before the server starts, while this process holds the lock: no other server uses the directory."""

    def ready(self) -> bool:
        """Whether the server answers now."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to end; kill it after `stop_seconds`. Does nothing if it has ended already."""
        process, self.process = self.process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(self.stop_signal)
            try:
                process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._short_directory is not None:
            self._short_directory.remove()
            self._short_directory = None

    def kill(self) -> None:
        """Kill it by SIGKILL, to simulate a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def socket_directory(self, socket_name: str, owner: int | None = None) -> Path:
        """A directory that only `owner` (default: this user) may enter, short enough for a socket's path."""
        directory = self.directory / "run"
        if len(os.fsencode(directory / socket_name)) > SOCKET_PATH_BYTES:
            if self._short_directory is None:
                self._short_directory = PrivateDirectory("seedbed-socket-", _SHORT)
                # The server may run as another user, who has a directory inside of it.
                self._short_directory.path.chmod(0o711)
            directory = self._short_directory.path / "s"
        directory.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(directory, owner, -1)
        return directory

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run `command` as a child that gets `stop_signal` when this process dies, and wait until it answers."""
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(contextlib.closing(self._lock()))
            self.before_exec()
            output = stack.enter_context(self.log.open("ab")) if self._output is None else self._output
            self.process = subprocess.Popen(  # noqa: S603 - a program of a wheel we depend on
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                env=environment,
                user=user,
                group=None if user is None else pwd.getpwuid(user).pw_gid,
                extra_groups=None if user is None else [],
                # A session of its own: Ctrl-C in the terminal must not stop it before its clients have ended.
                start_new_session=True,
                preexec_fn=dies_with_parent(self.stop_signal),  # noqa: PLW1509 - one prctl, resolved beforehand
            )
        deadline = time.monotonic() + self.start_seconds
        while not self.ready():
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise ServerError(f"{self.name} ended at its start with code {code}.{self._last_lines()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerError(
                    f"{self.name} did not answer within {self.start_seconds:.0f} s.{self._last_lines()}"
                )
            time.sleep(0.02)

    def _lock(self) -> FileLock:
        deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
        while True:
            try:
                return FileLock(self.directory / "lock", wait=False)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServerError(f"Another {self.name} uses {self.directory}; stop it first.") from None
                time.sleep(0.05)

    def _last_lines(self) -> str:
        if self._output is not None or not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-10:]
        return f" Its log ({self.log}) ends:\n" + "\n".join(lines)
