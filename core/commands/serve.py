"""The preloaded server: torch and transformers imported once, one engine forked for each request.

``python -m core serve --fd N [--parent PID]``

Importing torch and transformers takes seconds, a fork takes milliseconds. This process imports
them, starts no thread, does not use CUDA, and then forks one engine for each request.

Wire format
-----------

``N`` is a *listening* Unix stream socket (``AF_UNIX``, ``SOCK_STREAM``; bound and ``listen``-ed by
the parent, inherited by the server; its address is a path or an abstract name). A client may
connect and send its request while the server is still importing: it waits in the backlog.

One connection is one engine. Both ways, messages are JSON objects, UTF-8, one a line (``\\n``).

1. Client → server, once, at most 256 KiB::

       {"argv": ["run", "job.yaml", "--data", …, "--events-fd", "3"],
        "env": {"PATH": …},          # the engine's whole environment; absent: the server's own
        "cwd": "/a/directory"}       # absent: the server's own

   with exactly three file descriptors attached by ``SCM_RIGHTS`` to the first bytes
   (``socket.send_fds(connection, [line], [stdout, stderr, events])``): standard output, standard
   error, events. In the engine they are 1, 2 and **3**, so ``argv`` holds ``--events-fd 3``;
   standard input is ``/dev/null``, and no other descriptor is open. The client closes its copies
   after sending. Variables that libraries read on import (``OMP_NUM_THREADS``) come too late in
   ``env``; use ``--threads``.

2. Server → client, as soon as the engine is forked::

       {"pid": 4711}

   The engine leads its own session and process group, both with id ``pid``.

3. Client → server, any number of times while the engine lives: ``{"signal": 15}``. The server
   sends that signal to the engine (to its whole process group if it is 9). A client may equally
   call ``os.kill``; this way cannot hit a process that took over the pid.

4. Server → client, when the engine has ended and been reaped, then the server closes::

       {"pid": 4711, "exit": 0}      # exit code, see docs/engine-protocol.md
       {"pid": 4711, "signal": 9}    # killed by that signal

A request that cannot be served is answered ``{"error": "what was wrong"}`` and the connection closed.

Which processes are ended together
----------------------------------

- A connection that closes, or is shut down for writing, before the engine ended means that its
  supervisor has ended: the engine's whole process group gets SIGKILL. Keep both directions open.
- If the server ends: every engine gets SIGKILL from the kernel (``PR_SET_PDEATHSIG``).
- If the server's parent ends: the server gets SIGKILL in the same way. The kernel watches the *thread* that
  started the server, so start it from a thread that lives as long as the process.
  ``--parent PID`` handles a parent that ended before the server set this up: with another parent the server exits.
- SIGINT is ignored by the server, because a terminal's Ctrl-C goes to the whole foreground group.
  SIGTERM ends it, and with it its engines; a supervisor that wants checkpoints stops those first.
"""

import contextlib
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from core import tracebacks
from core.process import die_with_parent
from core.tasks.registry import objective_module, packages, specs

_LARGEST_REQUEST = 256 * 1024
_ENGINE_FDS = 3
_ACCEPT_RETRY_SECONDS = 1.0
"""Longest wait, in seconds, before the next try after a connection could not be accepted."""

Main = Callable[[list[str]], int]
"""A command line: arguments in, exit code out."""


@dataclass
class _Engine:
    """A forked engine that was not reaped yet, and the descriptor that becomes readable when it ends.

    Until `reap`, no other process can get its pid or its group's id, even after it ended.
    """

    pid: int
    pidfd: int

    def kill_group(self) -> None:
        """Send SIGKILL to every process of its group; does nothing if all have ended."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # no group of its own: it has not called setsid, or ended before
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> int:
        """Wait for its end and release it. Orphaned processes of its group, of which there should be none, are killed.

        Returns:
            Its exit code, or the negated number of the signal that ended it.
        """
        self.kill_group()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        return os.waitstatus_to_exitcode(status)

    def send(self, number: int) -> None:
        if number == signal.SIGKILL:
            self.kill_group()
        else:
            signal.pidfd_send_signal(self.pidfd, number)


class _RequestError(Exception):
    """A request that cannot be served; the message goes to the client."""


class _Connection:
    """One client's connection: what has arrived, and the engine it asked for."""

    def __init__(self, server: "_Server", stream: socket.socket) -> None:
        self._server = server
        self._stream = stream
        self._received = b""
        self._fds: list[int] = []
        self._engine: _Engine | None = None

    def readable(self) -> None:
        """Read what has arrived; close at the end of the stream or after an invalid message."""
        try:
            data, fds, _, _ = socket.recv_fds(self._stream, 65536, _ENGINE_FDS)
            self._fds += fds
            if data:
                self._take(data)
            else:
                self.close()
        except BlockingIOError:
            pass  # nothing to read, although the descriptor was reported as readable
        except ConnectionError:
            self.close()
        except _RequestError as error:
            self._answer({"error": str(error)})
            self.close()

    def close(self) -> None:
        """Close the connection; an engine that still runs is killed with all its child processes."""
        self._server.forget(self._stream)
        self._stream.close()
        self._close_fds()
        if self._engine is not None:
            self._engine.kill_group()

    def _take(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._message(line)
        if len(self._received) > _LARGEST_REQUEST:
            raise _RequestError(f"a message has at most {_LARGEST_REQUEST} bytes")

    def _message(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise _RequestError("a message is a JSON object")
            if self._engine is None:
                self._start(message)
            else:
                self._engine.send(signal.Signals(message["signal"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _RequestError(f"not understood: {error!r}") from None
        except OSError as error:
            raise _RequestError(f"not possible: {error}") from None

    def _start(self, request: dict[str, Any]) -> None:
        if len(self._fds) != _ENGINE_FDS:
            raise _RequestError(f"a request needs {_ENGINE_FDS} file descriptors, not {len(self._fds)}")
        argv, environment, directory = request["argv"], request.get("env"), request.get("cwd")
        if not all(isinstance(argument, str) for argument in argv):
            raise _RequestError("argv is a list of strings")
        pid = self._server.fork(
            lambda: _engine_main(self._server.engine, argv, environment, directory, self._fds)
        )
        self._close_fds()
        self._engine = _tracked(pid)
        self._server.watch(self._engine.pidfd, self._ended)
        self._answer({"pid": pid})

    def _ended(self) -> None:
        assert self._engine is not None
        engine, self._engine = self._engine, None
        self._server.forget(engine.pidfd)
        code = engine.reap()
        self._answer({"pid": engine.pid, **({"exit": code} if code >= 0 else {"signal": -code})})
        if self._stream.fileno() >= 0:
            self.close()

    def _answer(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._stream.sendall(json.dumps(message).encode() + b"\n")

    def _close_fds(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = []


class _Server:
    """Waits for clients and engines in one thread."""

    def __init__(self, listener: socket.socket, engine: Main) -> None:
        self._listener = listener
        self.engine = engine
        self._selector = selectors.DefaultSelector()
        self.watch(listener, self._accept)

    def run(self) -> NoReturn:
        while True:
            accept_failed = self._listener not in self._selector.get_map()
            for key, _ in self._selector.select(_ACCEPT_RETRY_SECONDS if accept_failed else None):
                # An earlier callback of this round may have closed this descriptor, and a new connection may
                # have got the same number since.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            if accept_failed:
                self.watch(self._listener, self._accept)

    def watch(self, source: socket.socket | int, callback: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, callback)

    def forget(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def fork(self, main: Callable[[], int]) -> int:
        """The pid of a child that runs ``main`` and exits with what it returns."""
        sys.stdout.flush()
        sys.stderr.flush()
        server = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        code = 70
        try:
            os.setsid()
            die_with_parent(server)
            code = main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException as error:  # noqa: BLE001 - no exception may reach the server's loop in the child
            tracebacks.print_uncaught(type(error), error)
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _accept(self) -> None:
        try:
            stream, _ = self._listener.accept()
        except OSError as error:
            # Out of descriptors or memory: the client waits in the backlog.
            tracebacks.print_uncaught(type(error), error)
            self.forget(self._listener)
            return
        stream.setblocking(False)
        self.watch(stream, _Connection(self, stream).readable)


def _tracked(pid: int) -> _Engine:
    """The engine of a process that was just forked.

    Raises:
        OSError: no descriptor is left for it; the process is ended and reaped.
    """
    try:
        return _Engine(pid, os.pidfd_open(pid))
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def preload() -> None:
    """Import everything that a run needs, and start no thread by it."""
    # NumPy's BLAS starts its threads on import, and a fork would lose them.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for kind, spec in specs().items():
        try:
            importlib.import_module(objective_module(spec))
        except (Exception, SystemExit) as error:
            if kind not in packages():
                raise
            # Jobs of this task fail with the reason; jobs of other tasks do not need the module.
            tracebacks.print_uncaught(type(error), error)
    for name in ("core.commands.terminal", "core.commands.run"):
        importlib.import_module(name)
    # Garbage collection in the engines skips the objects that exist now, so their memory stays shared with the server.
    gc.collect()
    gc.freeze()


def serve(
    fd: int, parent: int | None = None, *, engine: Main, preload: Callable[[], object] = preload
) -> int:
    """Serve requests on the listening socket ``fd`` until killed.

    Args:
        parent: exit where the parent is another process.
        engine: what a forked engine runs: the command line, given the request's arguments.
        preload: imports what the engine needs.
    """
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    _Server(socket.socket(fileno=fd), engine).run()


def _engine_main(
    engine: Main, argv: list[str], environment: dict[str, str] | None, directory: str | None, fds: list[int]
) -> int:
    """Run as the engine, with only the three descriptors, the environment and the directory of the request."""
    lowest = _ENGINE_FDS + 1
    safe = [fcntl.fcntl(fd, fcntl.F_DUPFD, lowest) for fd in (os.open(os.devnull, os.O_RDONLY), *fds)]
    for number, fd in enumerate(safe):
        os.dup2(fd, number)
    os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    if directory is not None:
        os.chdir(directory)
    tracebacks.install()
    return engine(argv)
