"""The exchange with an inspecting child process: reads its answer, and sends it the bytes of the file that it requests."""

import io
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

LARGEST_ANSWER = 16 << 20
"""Most bytes of an answer. The largest valid one, a sheet of 200 pictures of recordings, has under 6 MB."""
_BLOCK = 1 << 20
_WANTED = struct.Struct("<QQ")
"""Offset and length, as `core.inspection.input_file` asks for them."""


@dataclass(frozen=True)
class End:
    """How a child ended; exactly one field is set."""

    exit: int | None = None
    signal: int | None = None
    late: bool = False
    """It exceeded its time limit; it must be killed."""
    flooded: bool = False
    """Its answer is longer than any valid one; it must be killed."""
    lost: str | None = None
    """The connection to its server ended first; the last message of the server."""


class Conversation:
    """The exchange with one child.

    Args:
        connection: To the server, with the request sent.
        answers: The reading end of the pipe that is the child's standard output.
        asked: The socket on which it requests bytes of the file, which are read from ``reader``.
    """

    def __init__(
        self,
        connection: socket.socket,
        answers: io.FileIO,
        asked: socket.socket | None = None,
        reader: BinaryIO | None = None,
    ) -> None:
        self._connection = connection
        self._answers = answers
        self._asked = asked
        self._reader = reader
        self._replies = b""
        self._said = b"nothing"
        self._request = b""
        self._ended: list[End] = []
        self._selector = selectors.DefaultSelector()
        self.answer = bytearray()

    def hold(self, deadline: float) -> End:
        """Exchange messages until the child has ended, or until ``deadline`` (`time.monotonic`)."""
        os.set_blocking(self._answers.fileno(), False)
        with self._selector:
            self._watch(self._connection, self._reply)
            self._watch(self._answers, self._take)
            if self._asked is not None:
                # A child that requests bytes and does not read them is not waited for beyond its deadline.
                self._asked.settimeout(max(0.001, deadline - time.monotonic()))
                self._watch(self._asked, self._give)
            while not self._ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    return End(late=True)
                for key, _ in self._selector.select(left):
                    if not self._ended:
                        key.data()
        return self._ended[0]

    def _watch(self, source: socket.socket | io.FileIO, callback: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, callback)

    def _reply(self) -> None:
        try:
            received = self._connection.recv(65536)
        except OSError:
            received = b""
        *lines, self._replies = (self._replies + received).split(b"\n")
        for line in lines:
            self._said = line
            reply = json.loads(line)
            if "exit" in reply or "signal" in reply:
                self._take()  # what it wrote before its end is in the pipe
                self._ended.append(End(reply.get("exit"), reply.get("signal")))
                return
        if not received:
            self._ended.append(End(lost=self._said.decode(errors="replace")[:500]))

    def _take(self) -> None:
        while self._answers in {key.fileobj for key in self._selector.get_map().values()}:
            block = self._answers.read(_BLOCK)
            if block is None:  # nothing more at the moment
                return
            self.answer += block
            if not block:
                self._selector.unregister(self._answers)
            elif len(self.answer) > LARGEST_ANSWER:
                self._ended.append(End(flooded=True))
                return

    def _give(self) -> None:
        """Send the bytes for one request; the child waits for them, so there is at most one request at a time."""
        assert self._asked is not None
        assert self._reader is not None
        try:
            received = self._asked.recv(_WANTED.size - len(self._request))
            self._request += received
            if len(self._request) == _WANTED.size:
                offset, length = _WANTED.unpack(self._request)
                self._request = b""
                self._reader.seek(offset)
                while length and (block := self._reader.read(min(length, _BLOCK))):
                    self._asked.sendall(block)
                    length -= len(block)
        except OSError:  # the child has ended, or does not read them
            received = b""
        if not received:
            self._selector.unregister(self._asked)
            self._asked.close()
