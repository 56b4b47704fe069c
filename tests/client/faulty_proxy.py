"""A TCP proxy that breaks, delays or drops connections on purpose."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK = 65536


@dataclass
class Fault:
    """A fault for the connections whose request contains certain bytes.

    Attributes:
        on: Bytes of the request, such as ``b"/stream"``; the fault begins with the response to it.
        cut_after: The connection is closed after this many bytes of the response.
        flip: Position of a byte of the response that is changed.
        hold: Nothing of the response arrives, and the connection stays open.
        times: Number of affected requests; None for all.
    """

    on: bytes
    cut_after: int | None = None
    flip: int | None = None
    hold: bool = False
    times: int | None = 1


@dataclass
class FaultyProxy:
    """A proxy to a port of this machine; ``with`` opens it."""

    port: int
    troubles: list[Fault] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    """The first bytes of everything that was sent to the service."""
    carried: int = 0
    """Bytes of responses that were passed on."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._run(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close(self._listening)
        self.cut()
        for thread in list(self._threads):
            thread.join()

    def cut(self) -> None:
        """End every connection that is open now."""
        for open_socket in list(self._sockets):
            self._close(open_socket)

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                self._close(near)
                continue
            self._sockets += [near, far]
            way = _Way(near, far)
            self._run(self._requests, way)
            self._run(self._answers, way)

    def _requests(self, way: "_Way") -> None:
        with contextlib.suppress(OSError):
            while chunk := way.near.recv(CHUNK):
                self.requests.append(chunk[:2000])
                with self._lock:
                    for trouble in self.troubles:
                        if trouble.on in chunk and trouble.times != 0:
                            trouble.times = None if trouble.times is None else trouble.times - 1
                            way.trouble, way.answered = trouble, 0
                            break
                way.far.sendall(chunk)
        self._end(way)

    def _answers(self, way: "_Way") -> None:
        with contextlib.suppress(OSError):
            while chunk := way.far.recv(CHUNK):
                trouble = way.trouble
                if trouble is not None:
                    if trouble.hold:
                        continue
                    if trouble.flip is not None and 0 <= (at := trouble.flip - way.answered) < len(chunk):
                        chunk = chunk[:at] + bytes([chunk[at] ^ 0xFF]) + chunk[at + 1 :]
                        way.trouble = None
                    if trouble.cut_after is not None:
                        chunk = chunk[: trouble.cut_after - way.answered]
                way.answered += len(chunk)
                self.carried += len(chunk)
                way.near.sendall(chunk)
                if trouble is not None and trouble.cut_after == way.answered:
                    break
        self._end(way)

    def _end(self, way: "_Way") -> None:
        self._close(way.near)
        self._close(way.far)

    def _close(self, closing: socket.socket) -> None:
        with contextlib.suppress(OSError):
            closing.shutdown(socket.SHUT_RDWR)
        closing.close()


@dataclass
class _Way:
    near: socket.socket
    far: socket.socket
    trouble: Fault | None = None
    answered: int = 0
