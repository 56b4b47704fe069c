"""Limits of connections: size and time of a request's head, slow senders, slow readers, and the number of connections.

uvicorn by itself ends only connections that are idle between two requests. A client that sends a head or a body byte by
byte, or does not read its answer, would keep its connection for ever.
"""

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.credential_check import CUT as CUT_NAME
from api.problem_types import TYPE, title

CUT = Counter("seedbed_connections_cut_total", "Connections that the service ended, by the limit.", ["limit"])


@dataclass(frozen=True)
class Limits:
    """Limits of one connection, and of all connections of a process."""

    head_seconds: float = 15.0
    """Seconds from a connection's start, or from the first byte of a further request, to the end of the head."""
    head_bytes: int = 32 << 10
    """Most bytes of a request's line and header fields."""
    url_bytes: int = 8 << 10
    fields: int = 100
    body_seconds: float = 20.0
    """Seconds of a window in which a body must make progress: ..."""
    body_bytes: int = 2 << 10
    """... at least this many bytes in each window, or its end, unless the service itself did not read."""
    answer_seconds: float = 60.0
    """Seconds within which a client must read some (about 64 KB) of what is sent to it."""
    late_seconds: float = 10.0
    """Seconds for which bytes that a client still sends after the answer to its request are read and dropped."""
    pipelined: int = 16
    """Most pipelined requests that wait for the answer to the one before them."""
    connections: int = 2000
    """Most connections; beyond that, those that have been idle longest are closed."""


Phase = Literal["idle", "head", "body"]
_OVERHEAD = 16
"""Bytes that frame one byte of a chunked body, at most."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within `limits`."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phase: Phase = "idle"
        self.since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        """The timer of the phase."""
        self._unread: asyncio.TimerHandle | None = None
        self._received = 0
        """Bytes of this request so far."""
        self._fields = self._field_bytes = 0
        self._refused = False
        self._body_bytes = self._body_bytes_before = 0
        self._held_up = False
        """Whether the service itself stopped reading in this window of the body."""

    # --- the connection --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._enter("head", self.limits.head_seconds, self._head_too_slow)
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self.phase == "idle":
            self._next_head()
        self._received += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self.phase == "head" and self._received > self.limits.head_bytes:
            self._refuse(431, "head_too_large")
        elif self.phase == "body" and self._overhead() > self.limits.head_bytes:
            self.cut("framing")

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.limits.answer_seconds, self.cut, "answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._close_soon()

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self.phase == "body" or not (self.cycle is None or self.cycle.response_complete)

    # --- a request -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.phase != "head":  # several requests in one piece
            self._next_head()
        self._fields = self._field_bytes = 0
        self._body_bytes = self._body_bytes_before = 0
        self.scope["state"][CUT_NAME] = self.cut

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.url_bytes:
            self._refuse(414, "url_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase != "head":
            return  # a trailer field after a chunked body: nothing reads it
        self._fields += 1
        self._field_bytes += len(name) + len(value)
        if self._fields > self.limits.fields or self._field_bytes > self.limits.head_bytes:
            self._refuse(431, "head_too_large")
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined:
            self.cut("pipelined")
        if self._refused:
            return
        self._received = 0
        self._held_up = False
        self._enter("body", self.limits.body_seconds, self._look_at_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._body_bytes += len(body)
        super().on_body(body)
        self._held_up = self._held_up or self.flow.read_paused

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._enter("idle")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.since = time.monotonic()
        if self.transport.is_closing():
            self._close_soon()
        elif self.phase == "body":
            self._enter("body", self.limits.late_seconds, lambda: self.cut("late"))

    # --- its limits ------------------------------------------------------------------------------------

    def _enter(
        self, phase: Phase, seconds: float | None = None, at_end: Callable[[], object] | None = None
    ) -> None:
        self.phase = phase
        self.since = time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None or at_end is None else self.loop.call_later(seconds, at_end)

    def _next_head(self) -> None:
        self._received = 0
        self._enter("head", self.limits.head_seconds, self._head_too_slow)

    def _head_too_slow(self) -> None:
        if self._received:
            self._refuse(408, "head_too_slow")
        else:
            CUT.labels("head_too_slow").inc()
            self.transport.close()

    def _look_at_body(self) -> None:
        """Check at the end of each window whether enough of the body has arrived."""
        came = self._body_bytes - self._body_bytes_before
        if came < self.limits.body_bytes and not (self._held_up or self.flow.read_paused):
            self.cut("body")
            return
        self._body_bytes_before = self._body_bytes
        self._held_up = self.flow.read_paused
        self._enter("body", self.limits.body_seconds, self._look_at_body)

    def _overhead(self) -> int:
        return self._received - (_OVERHEAD + 1) * self._body_bytes

    def _refuse(self, status: int, code: str) -> None:
        """Answer with an error, and end the connection: what follows such a head cannot be parsed."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        CUT.labels(code).inc()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_problem(status, code))
        self.transport.close()
        self._close_soon()

    def cut(self, limit: str) -> None:
        """End it at once; what was not sent yet is dropped."""
        if not self._refused:
            CUT.labels(limit).inc()
        self._refused = True
        _reset_when_closed(self.transport)
        self.transport.abort()

    def _close_soon(self) -> None:
        """Close when everything is sent, or after a time limit if the client does not read."""
        if self._unread is None:
            self._unread = self.loop.call_later(self.limits.answer_seconds, self.transport.abort)

    def _make_room(self) -> None:
        others = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol) and not other.transport.is_closing()
        ]
        if len(others) > self.limits.connections:
            min(others, key=lambda other: (other.is_busy, other.since)).cut("connections")


def _reset_when_closed(transport: asyncio.Transport) -> None:
    """Have the kernel drop unsent data at once, instead of trying to send it for minutes."""
    descriptor = transport.get_extra_info("socket").fileno()
    if descriptor >= 0:
        # A second descriptor, since the event loop's own socket object allows no changes.
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def within(limits: Limits) -> type[BoundedProtocol]:
    """The protocol with other limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})


def _problem(status: int, code: str) -> bytes:
    problem = {
        "type": TYPE + code,
        "title": title(code, status),
        "status": status,
        "code": code,
        "detail": f"{title(code, status)}. Send the request again in one piece and with less in its head.",
        "errors": [],
    }
    body = json.dumps(problem).encode()
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
