"""Starts the preloaded server that forks inspections: ``python -m core.inspection``, one for each process of the API."""

import os
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from control.private_directory import PrivateDirectory

_BACKLOG = 64
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "TZ")


def child_environment() -> dict[str, str]:
    """The whole environment of the server and its children: no credentials, no address of a database, broker or storage."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "PYTHONPATH": os.fspath(_sources()),
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # pyarrow's own allocator reserves a gigabyte of writable memory at its first allocation, which counts towards the budget.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Threads that decode images would each reserve an arena.
        "MALLOC_ARENA_MAX": "2",
    }


class InspectionServer:
    """The server; started by the first request, restarted if it has ended. It ends with the thread that started it, or by `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directory: PrivateDirectory | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it where it does not run. It takes requests at once and answers when it has loaded.

        Call it from a thread that lives as long as this object: the kernel ends the server with that thread.

        Raises:
            RuntimeError: it is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the server of inspections is closed")
            if self._process is not None and self._process.poll() is None:
                return
            if self._directory is None:
                self._directory = PrivateDirectory("seedbed-inspect-")
            self._socket.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.fspath(self._socket))
                listener.listen(_BACKLOG)
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [
                        *(sys.executable, "-m", "core.inspection"),
                        *("--fd", str(listener.fileno()), "--parent", str(os.getpid())),
                    ],
                    stdin=subprocess.DEVNULL,
                    env=child_environment(),
                    cwd=self._directory.path,
                    pass_fds=[listener.fileno()],
                    # Ctrl-C at the terminal is handled by the service.
                    start_new_session=True,
                )

    def connect(self) -> socket.socket:
        """A connection for one request; the server is started where it does not run."""
        self.start()
        asked = self._process
        try:
            return self._connected()
        except ConnectionError:
            # The server is just ending: its socket is closed, but its process cannot be reaped yet.
            self._end(asked)
            self.start()
            return self._connected()

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(os.fspath(self._socket))
        except BaseException:
            connection.close()
            raise
        return connection

    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        with self._lock:
            if process is not None and process is self._process:
                process.kill()
                process.wait()
                self._process = None

    def close(self) -> None:
        """End the server, and with it every inspection."""
        self._closed = True
        self._end(self._process)
        with self._lock:
            if self._directory is not None:
                self._directory.remove()
                self._directory = None

    @property
    def _socket(self) -> Path:
        assert self._directory is not None
        return self._directory.path / "server"


def _sources() -> Path:
    """The directory of the package ``core``; found without importing it."""
    spec = find_spec("core")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]
