"""`Storage` and `Stage`: the interface of object storage for the rest of the control plane."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from control.storage.errors import StorageNotFound

CHUNK = 1 << 20
"""Bytes of one read or write: large enough that the calls cost nothing beside the copying."""

TEMPORARY = "tmp"
"""Key prefix of objects that are being written and not committed yet."""


@dataclass(frozen=True)
class StoredObject:
    key: str
    bytes: int
    modified: datetime


class Stage(ABC):
    """An object that is being written and hashed, and is not visible until it is committed.

    As a context manager it removes the object at the end, unless it was committed.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        """Key or path of the object until it is committed."""
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._settled = False

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append the chunks.

        Raises:
            StorageFull: there is no room.
            StorageUnavailable: the storage failed.
        """
        for chunk in chunks:
            self._hash.update(chunk)
            self.bytes += len(chunk)
        self._append(chunks)

    @property
    def sha256(self) -> str:
        """SHA-256 of everything written so far, in hexadecimal."""
        return self._hash.hexdigest()

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def commit(self, key: str) -> None:
        """Give the object its key, atomically; an object already there is the same content and stays."""
        self._publish(key)
        self._settled = True

    def discard(self) -> None:
        """Remove what was written; harmless after a commit."""
        if not self._settled:
            self._settled = True
            self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def open(self) -> BinaryIO:
        """Open what was written, to be read back before the commit. Nothing may be written afterwards."""
        self.finish()
        return self._reopen()

    def finish(self) -> None:  # noqa: B027 - a file is readable as it grows
        """End the writing: the object at `key` is then complete."""

    def sync(self) -> None:  # noqa: B027 - what a bucket took is durable already
        """Make what was written durable, so that the commit is quick. May run while it is read back."""

    @abstractmethod
    def _reopen(self) -> BinaryIO: ...

    @abstractmethod
    def _append(self, chunks: Iterable[bytes]) -> None: ...

    @abstractmethod
    def _publish(self, key: str) -> None: ...

    @abstractmethod
    def _remove(self) -> None: ...


class Storage(ABC):
    """Bytes by key. Keys are relative paths with ``/``; a prefix ends where a ``/`` would follow.

    Every method may raise `StorageUnavailable`; those that write, `StorageFull`; those that read one
    object, `StorageNotFound`. All methods block: call them from a thread.
    """

    @property
    def directory(self) -> Path | None:
        """The directory of the whole storage on this machine; None for a bucket."""
        return None

    @abstractmethod
    def stage(self) -> Stage:
        """Begin an object whose key is not known yet."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file."""

    @abstractmethod
    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, about a MiB at a time."""

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """The file that holds the object, if there is one on this machine."""

    @abstractmethod
    def size(self, key: str) -> int:
        """Length of the object in bytes."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""

    @abstractmethod
    def delete_prefix(self, prefix: str) -> None:
        """Remove every object under ``prefix/``."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object under ``prefix/``, in no particular order."""

    @abstractmethod
    def check(self) -> None:
        """Raise `StorageUnavailable` unless the storage answers."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Free space in bytes; None for a bucket, which has no known limit."""

    @abstractmethod
    def sweep(self, older_than: timedelta) -> int:
        """Remove objects that a crash left incomplete; returns their number."""

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store the chunks under the key, atomically."""
        with self.stage() as stage:
            for chunk in chunks:
                stage.write([chunk])
            stage.commit(key)

    def put_file(self, key: str, path: Path) -> None:
        """Store a copy of a local file under the key, atomically.

        Raises:
            OSError: the local file cannot be read.
        """
        with path.open("rb") as file:
            self.put_stream(key, iter(lambda: file.read(CHUNK), b""))

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except StorageNotFound:
            return False
        return True

    def download(self, key: str, path: Path) -> None:
        """Write the object to a local path, atomically.

        Raises:
            OSError: the local file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                for chunk in self.chunks(key):
                    file.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
