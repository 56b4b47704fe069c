"""The file that a child reads: an open descriptor, or a socket at whose other end somebody has the file.

Over the socket, bytes are asked for by offset and length, two little-endian 64-bit numbers, and come as they are; fewer
than asked for only where the connection ends.
"""

import io
import os
import socket
import stat
import struct
from typing import BinaryIO

REQUEST = struct.Struct("<QQ")
_BUFFER = 1 << 20


def open_borrowed(descriptor: int, size: int | None) -> BinaryIO:
    """The file behind a descriptor, seekable.

    Args:
        size: Its length in bytes, where the descriptor is a socket.
    """
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        assert size is not None
        return io.BufferedReader(_Remote(socket.socket(fileno=descriptor), size), _BUFFER)
    stream = os.fdopen(descriptor, "rb")
    # Whoever lent it may have read in it: the position belongs to both.
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
            raise ValueError(f"there is nothing at {base + offset}")
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
                raise ConnectionError("whoever has the file is gone")
            got += count
        self._at += wanted
        return wanted
