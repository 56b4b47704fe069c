"""The file that a child process reads: an open file descriptor, or a socket whose other end serves the file.

Over the socket the child asks for bytes by offset and length, two little-endian 64-bit numbers, and gets the bytes as they
are. It gets fewer only where the connection ends.
"""

import io
import os
import socket
import stat
import struct
from typing import BinaryIO

REQUEST = struct.Struct("<QQ")
_BUFFER = 1 << 20


def open_input(descriptor: int, size: int | None) -> BinaryIO:
    """A seekable stream of the file behind a descriptor.

    Args:
        size: The length of the file in bytes, where the descriptor is a socket.
    """
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        assert size is not None
        return io.BufferedReader(_Remote(socket.socket(fileno=descriptor), size), _BUFFER)
    stream = os.fdopen(descriptor, "rb")
    # The position is shared with the process that opened the file, which may have read in it.
    stream.seek(0)
    return stream


class _Remote(io.RawIOBase):
    def __init__(self, connection: socket.socket, size: int) -> None:
        self._connection = connection
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"offset {base + offset} is before the start of the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._at))
        if not wanted:
            return 0
        self._connection.sendall(REQUEST.pack(self._at, wanted))
        view = memoryview(buffer)[:wanted]
        got = 0
        while got < wanted:
            count = self._connection.recv_into(view[got:])
            if not count:
                raise ConnectionError("the process that serves the file has closed the connection")
            got += count
        self._at += wanted
        return wanted
