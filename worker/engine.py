"""Starts and controls engine processes: one preloaded server, which forks one child for each attempt.

``core/commands/serve.py`` describes the wire format.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from worker.parent_death import dies_with_parent

EVENTS_FD = 3
"""File descriptor under which the engine finds the pipe for its events."""

_SAFE_VARIABLES = (
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "CUDA_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"),
)
_SAFE_PREFIXES = (
    *("LC_", "CUDA_", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "KMP_", "GOMP_", "TORCH_", "PYTORCH_"),
    *("ATEN_", "ONEDNN_", "DNNL_"),  # which of the processor's instructions PyTorch uses
)


class EngineUnavailableError(RuntimeError):
    """No engine could be started; the message says why."""


@dataclass(frozen=True)
class Exit:
    """How an engine ended.

    Attributes:
        code: Its exit code; None where a signal ended it.
        signal: The signal that ended it; None where it exited.
    """

    code: int | None = None
    signal: int | None = None


def clean_environment(device: str) -> dict[str, str]:
    """The engine's whole environment: what computing needs, and no credential of the service.

    Args:
        device: The worker's. An engine of a ``cpu`` worker sees no GPU, even where the machine has one.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _SAFE_VARIABLES or name.startswith(_SAFE_PREFIXES)
    }
    spec = find_spec("core")
    assert spec is not None
    assert spec.origin is not None
    environment |= {
        # The engine can import what the worker can, tasks of installed packages included.
        "PYTHONPATH": os.pathsep.join([os.fspath(Path(spec.origin).parents[1]), *_import_path()]),
        "PYTHONUNBUFFERED": "1",  # so that the log ends where the engine ended
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true",
    }
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


def _import_path() -> list[str]:
    """The worker's ``PYTHONPATH`` as absolute paths, because the engine runs in another directory."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [os.path.abspath(entry) for entry in given if entry]  # noqa: PTH100 - links stay as they are


class PreloadedServer:
    """``python -m core serve``, started once for each worker, so that an engine starts in milliseconds.

    Start it from a thread that lives as long as the process: the server dies with the thread that started it.

    Args:
        directory: Private to this user; the socket lies in it.
        environment: The server's, and its engines', whole environment.
        module: What ``python -m`` runs; tests and measurements put an engine without torch here.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], *, module: str = "core") -> None:
        self._path = directory / f"engine-{os.getpid()}.sock"
        self._environment = dict(environment)
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = directory
        self._starting = threading.Lock()
        """Jobs and predictions start engines from threads of their own."""

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server if it does not run. It accepts requests at once and answers them when it has loaded."""
        with self._starting:
            self._start()

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(self._path))
            listener.listen(8)
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    *(sys.executable, "-m", self._module, "serve"),
                    *("--fd", str(listener.fileno()), "--parent", str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                env=self._environment,
                cwd=self._directory,
                pass_fds=[listener.fileno()],
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one prctl, resolved beforehand
            )

    def stop(self) -> None:
        """End the server and every engine that it started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._path.unlink(missing_ok=True)

    def launch(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        log: BinaryIO,
        channel: socket.socket | None = None,
        abort_check: Callable[[], object] = lambda: None,
        seconds: float = 120.0,
    ) -> "Engine":
        """Start an engine.

        Args:
            arguments: As after ``python -m core``; ``--events-fd`` is added.
            directory: Its working directory.
            log: Takes its standard output and standard error.
            channel: What it gets in place of the pipe for events, for requests in the other direction as well; `Engine.events`
                is then empty.
            abort_check: Called about every 0.1 s while waiting; may raise to give up.
            seconds: How long the server may take, loading included.

        Raises:
            EngineUnavailableError: the server ended, refused, or did not answer.
        """
        self.start()
        request = {
            "argv": [*arguments, "--events-fd", str(EVENTS_FD)],
            "env": self._environment,
            "cwd": os.fspath(directory),
        }
        line = json.dumps(request).encode() + b"\n"
        with contextlib.ExitStack() as stack:
            read_end, write_end = os.pipe()
            events = stack.enter_context(os.fdopen(read_end, "rb"))
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            try:
                with os.fdopen(write_end, "wb") as theirs:
                    given = theirs.fileno() if channel is None else channel.fileno()
                    connection.connect(os.fspath(self._path))
                    sent = socket.send_fds(connection, [line], [log.fileno(), log.fileno(), given])
                    if sent < len(line):  # nothing is sent to a server that has answered and closed already
                        connection.sendall(line[sent:])
            except OSError as error:
                raise EngineUnavailableError(f"the engine's server cannot be reached: {error}") from error
            replies = _Lines(connection)
            pid = self._await_start(replies, abort_check, time.monotonic() + seconds)
            stack.pop_all()
        return Engine(pid, connection, replies, events)

    def _await_start(self, replies: "_Lines", abort_check: Callable[[], object], deadline: float) -> int:
        assert self._process is not None
        while (reply := replies.next(0.1)) is None:
            abort_check()
            if self._process.poll() is not None:
                raise EngineUnavailableError(
                    f"the engine's server ended at its start with code {self._process.returncode}; "
                    "`python -m core --help` in the worker's environment shows why"
                )
            if time.monotonic() > deadline:
                raise EngineUnavailableError("the engine's server did not answer in time")
        if "pid" not in reply:
            raise EngineUnavailableError(
                f"the engine's server refused: {reply.get('error', 'no reason given')}"
            )
        pid: int = reply["pid"]
        return pid


class Engine:
    """One running engine process: reads its events, sends it signals, waits for its exit."""

    def __init__(self, pid: int, connection: socket.socket, replies: "_Lines", events: BinaryIO) -> None:
        self.pid = pid
        self.events = events
        """Its event lines; ends when every process that could write there has ended."""
        self._connection = connection
        self._replies = replies
        self._lock = threading.Lock()
        self._exit: Exit | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; to the whole process group where it is SIGKILL. Nothing happens after its end."""
        with self._lock:
            if self._exit is not None:
                return
            try:
                self._connection.sendall(b'{"signal":%d}\n' % number)
            except OSError:
                # The kernel kills an engine whose server has ended; this call makes sure of it.
                self._kill_group()

    def kill(self) -> None:
        """End the whole process group at once, through the server and directly: the server may hang."""
        self.signal(signal.SIGKILL)
        with self._lock:
            if self._exit is None:
                self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> Exit:
        """Wait until it has ended and been reaped."""
        while self._exit is None:
            try:
                reply = self._replies.next(None)
            except EngineUnavailableError:
                # The server has ended, so the kernel kills its engines.
                reply = {"signal": int(signal.SIGKILL)}
                self._kill_group()
            if reply is not None and ("exit" in reply or "signal" in reply):
                with self._lock:
                    self._exit = Exit(reply.get("exit"), reply.get("signal"))
        return self._exit

    def close(self) -> None:
        """Close the pipes; an engine that still runs is killed."""
        if self._exit is None:
            self.kill()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # ends a read that waits for a server which hangs
        self._connection.close()
        self.events.close()


class _Lines:
    """JSON lines from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def next(self, seconds: float | None) -> dict[str, Any] | None:
        """The next message; None when it does not come in time.

        Raises:
            EngineUnavailableError: the other end has closed.
        """
        while b"\n" not in self._buffer:
            self._connection.settimeout(seconds)
            try:
                chunk = self._connection.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise EngineUnavailableError(f"the engine's server is gone: {error}") from error
            finally:
                with contextlib.suppress(OSError):
                    self._connection.settimeout(None)
            if not chunk:
                raise EngineUnavailableError("the engine's server closed the connection")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
