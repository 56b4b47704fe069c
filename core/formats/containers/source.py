"""Bytes of one file or member: decompressed, counted, and with errors that a person can act on."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from core.formats.errors import Place
from core.formats.limits import Budget
from core.formats.names import Compression

CHUNK_BYTES = 1 << 20


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Source:
    """A forward-only reader over ``raw``, which is never held whole."""

    def __init__(self, raw: BinaryIO, compression: Compression | None, place: Place, budget: Budget) -> None:
        self.place = place
        self._budget = budget
        self._reader: _Reader = _decompressed(raw, compression)

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end.

        Raises:
            FormatError: ``truncated_archive``, ``corrupt_archive``, ``archive_bomb``.
        """
        chunk = self._read(size)
        if 0 < len(chunk) < size:
            pieces = [chunk]
            missing = size - len(chunk)
            while missing and (piece := self._read(missing)):
                pieces.append(piece)
                missing -= len(piece)
            chunk = b"".join(pieces)
        return chunk

    def chunks(self) -> Iterator[bytes]:
        """What is left, in pieces of ``CHUNK_BYTES``."""
        while chunk := self.read():
            yield chunk

    def _read(self, size: int) -> bytes:
        try:
            chunk = self._reader.read(size)
        except EOFError:
            raise self._truncated() from None
        except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise self._corrupt(error) from None
        except OSError as error:
            # Arrow speaks of bad data through OSError too, but only the system's own carry a number.
            if error.errno is not None:
                raise
            raise (self._truncated() if "Truncated" in str(error) else self._corrupt(error)) from None
        self._budget.spend(len(chunk), self.place)
        return chunk

    def _truncated(self) -> Exception:
        return self.place.error(
            "truncated_archive", "is cut off before its end; upload it again, or compress it again"
        )

    def _corrupt(self, error: Exception) -> Exception:
        return self.place.error(
            "corrupt_archive", f"does not decompress ({error}); compress it again, or correct its name"
        )


def _decompressed(raw: BinaryIO, compression: Compression | None) -> _Reader:
    if compression is Compression.GZIP:
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if compression is Compression.ZSTD:
        # Arrow, because zstandard's own streams end without a word where a frame is cut off. Imported
        # here, because it takes a third of a second and most files need none.
        import pyarrow as pa  # noqa: PLC0415 - see above

        stream: _Reader = pa.CompressedInputStream(pa.PythonFile(Lent(raw), mode="r"), "zstd")
        return stream
    return raw


class Lent:
    """A stream for Arrow to read, which otherwise closes what it was given when it is done."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read
        self.seek = stream.seek
        self.tell = stream.tell

    def close(self) -> None:
        """Leaves the stream open: it is its owner's."""


def size_of(stream: BinaryIO) -> int:
    """Bytes in a seekable stream, which is left at its start."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size
