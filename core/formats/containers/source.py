"""The bytes of one file or member: decompressed and counted, with errors that say what to do."""

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
    """A forward-only reader of ``raw``. It never holds the whole file in memory."""

    def __init__(self, raw: BinaryIO, compression: Compression | None, place: Place, budget: Budget) -> None:
        self.place = place
        self._budget = budget
        self._reader: _Reader = _decompressed(raw, compression)

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Exactly ``size`` bytes, or fewer at the end of the file.

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
        """The rest of the file, in pieces of ``CHUNK_BYTES``."""
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
            # Arrow reports damaged data by OSError too; only the errors of the system have a number.
            if error.errno is not None:
                raise
            raise (self._truncated() if "Truncated" in str(error) else self._corrupt(error)) from None
        self._budget.spend(len(chunk), self.place)
        return chunk

    def _truncated(self) -> Exception:
        return self.place.error(
            "truncated_archive",
            "is cut off before its end; upload it again, or compress it again",
            case="compressed",
        )

    def _corrupt(self, error: Exception) -> Exception:
        return self.place.error(
            "corrupt_archive",
            f"does not decompress ({error}); compress it again, or correct its name",
            case="does_not_decompress",
            error=error,
        )


def _decompressed(raw: BinaryIO, compression: Compression | None) -> _Reader:
    if compression is Compression.GZIP:
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if compression is Compression.ZSTD:
        # With Arrow, because the streams of zstandard end without an error where a frame is cut off. Imported
        # here, because the import takes 0.3 s and most files do not need it.
        import pyarrow as pa  # noqa: PLC0415 - see above

        stream: _Reader = pa.CompressedInputStream(pa.PythonFile(Uncloseable(raw), mode="r"), "zstd")
        return stream
    return raw


class Uncloseable:
    """A stream for Arrow that Arrow cannot close: it closes the streams given to it, and the caller still needs this one."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read
        self.seek = stream.seek
        self.tell = stream.tell

    def close(self) -> None:
        """Does nothing: the owner of the stream closes it."""


def size_of(stream: BinaryIO) -> int:
    """Number of bytes in a seekable stream. The stream is left at its start."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size
