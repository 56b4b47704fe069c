"""Frames: lists of byte strings over a pipe. A frame is their number, the length of each, then their content."""

import struct
from collections.abc import Sequence
from typing import Protocol


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Writer(Protocol):
    def write(self, content: bytes, /) -> object: ...

    def flush(self) -> None: ...


def write_frame(stream: _Writer, parts: Sequence[bytes]) -> None:
    stream.write(struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts)) + b"".join(parts))
    stream.flush()


def read_frame(stream: _Reader) -> list[bytes]:
    """
    Raises:
        EOFError: where the stream ends before the frame.
    """
    (count,) = struct.unpack("<Q", _exactly(stream, 8))
    lengths = struct.unpack(f"<{count}Q", _exactly(stream, 8 * count))
    content = _exactly(stream, sum(lengths))
    parts = []
    start = 0
    for length in lengths:
        parts.append(content[start : start + length])
        start += length
    return parts


def _exactly(stream: _Reader, size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise EOFError
    return content
