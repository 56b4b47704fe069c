"""Records the hash and the size of each document on the first reading of all documents: 24 bytes each, on disk."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.text.documents import Piece
from core.formats.content import HASH_BYTES

RECORD = np.dtype([("hash", ">u8"), ("characters", "<u8"), ("bytes", "<u8")])
"""``hash``: 64-bit BLAKE2b of the text in UTF-8; ``bytes``: size of the text in UTF-8."""

_SIZES = Struct("<QQ")
_WRITE_BYTES = 1 << 20
_READ_RECORDS = 1 << 17


def survey(pieces: Iterable[Piece], path: Path) -> None:
    """Write one `RECORD` for each document to ``path``, in order. An existing file is overwritten."""
    waiting = bytearray()
    hasher = blake2b(digest_size=HASH_BYTES)
    characters = size = 0
    with path.open("wb") as file:
        for text, ends in pieces:
            content = text.encode()
            hasher.update(content)
            characters += len(text)
            size += len(content)
            if ends:
                waiting += hasher.digest() + _SIZES.pack(characters, size)
                hasher = blake2b(digest_size=HASH_BYTES)
                characters = size = 0
                if len(waiting) >= _WRITE_BYTES:
                    file.write(waiting)
                    waiting.clear()
        file.write(waiting)


class Records:
    """The records in a file, read in chunks: the pages of a memory-mapped file would count as this process's memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = path.stat().st_size // RECORD.itemsize

    def __iter__(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Chunks of records, each with the number of its first document."""
        with self._path.open("rb") as file:
            start = 0
            while len(chunk := np.fromfile(file, RECORD, _READ_RECORDS)):
                yield start, chunk
                start += len(chunk)
