"""Storage in a directory of this machine, as plain files: the file system reports a full disk, and
a download reads the file itself (several times the speed of obstore's local stream)."""

import itertools
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ulid import ULID

from control.storage.base import CHUNK, TEMPORARY, Stage, Storage, StoredObject
from control.storage.errors import as_storage_errors

_VECTORS = 1024
"""Most buffers that Linux takes in one ``writev``."""


class LocalStorage(Storage):
    """Files under ``root``, which is created when first needed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def directory(self) -> Path:
        return self.root

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts:
            raise ValueError(f"{key!r} is no storage key")
        return self.root.joinpath(*parts)

    def stage(self) -> "LocalStage":
        return LocalStage(self)

    def open(self, key: str) -> BinaryIO:
        with as_storage_errors(key):
            return self._path(key).open("rb")

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with as_storage_errors(key), self._path(key).open("rb", buffering=0) as file:
            file.seek(start)
            left = float("inf") if stop is None else stop - start
            while left > 0 and (chunk := file.read(int(min(CHUNK, left)))):
                left -= len(chunk)
                yield chunk

    def local_path(self, key: str) -> Path:
        return self._path(key)

    def size(self, key: str) -> int:
        with as_storage_errors(key):
            return self._path(key).stat().st_size

    def delete(self, key: str) -> None:
        with as_storage_errors(key):
            self._path(key).unlink(missing_ok=True)

    def delete_prefix(self, prefix: str) -> None:
        with as_storage_errors(prefix):
            shutil.rmtree(self._path(prefix), onerror=_unless_gone)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with as_storage_errors(prefix):
            for directory, _, names in os.walk(self._path(prefix)):
                for name in names:
                    path = Path(directory, name)
                    stat = path.stat()
                    yield StoredObject(
                        key=path.relative_to(self.root).as_posix(),
                        bytes=stat.st_size,
                        modified=datetime.fromtimestamp(stat.st_mtime, UTC),
                    )

    def check(self) -> None:
        with as_storage_errors():
            self.root.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"{self.root} cannot be written")

    def free_bytes(self) -> int:
        with as_storage_errors():
            return shutil.disk_usage(self.root).free

    def sweep(self, older_than: timedelta) -> int:
        latest = time.time() - older_than.total_seconds()
        swept = 0
        for item in self.list(TEMPORARY):
            if item.modified.timestamp() < latest:
                self.delete(item.key)
                swept += 1
        return swept

    def put_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self.stage() as stage:
            stage.copy(source)
            stage.commit(key)


def _unless_gone(
    _function: object, _path: str, failure: tuple[type[BaseException], BaseException, object]
) -> None:
    """An error handler for `shutil.rmtree` that ignores files which another process has removed meanwhile."""
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


class LocalStage(Stage):
    """A file beside the others, so that the commit is a rename."""

    def __init__(self, storage: LocalStorage) -> None:
        super().__init__(f"{TEMPORARY}/{str(ULID()).lower()}")
        self._storage = storage
        self._path = storage._path(self.key)  # noqa: SLF001 - its own kin
        with as_storage_errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)

    def _append(self, chunks: Iterable[bytes]) -> None:
        # Not removed from the front of one list, which is quadratic: a body may come in millions of chunks of one byte.
        rest = (memoryview(chunk) for chunk in chunks if chunk)
        with as_storage_errors():
            while pending := list(itertools.islice(rest, _VECTORS)):
                while pending:
                    written = os.writev(self._file.fileno(), pending)
                    while pending and written >= len(pending[0]):
                        written -= len(pending.pop(0))
                    if written:
                        pending[0] = pending[0][written:]

    def copy(self, source: BinaryIO) -> None:
        """Copy a whole file inside the kernel, without hashing it."""
        with as_storage_errors():
            shutil.copyfileobj(source, self._file, CHUNK)

    def _reopen(self) -> BinaryIO:
        with as_storage_errors():
            return self._path.open("rb")

    def sync(self) -> None:
        with as_storage_errors():
            os.fsync(self._file.fileno())

    def _publish(self, key: str) -> None:
        target = self._storage._path(key)  # noqa: SLF001 - its own kin
        self.sync()
        with as_storage_errors(key):
            self._file.close()
            target.parent.mkdir(parents=True, exist_ok=True)
            self._path.replace(target)
            _sync_directory(target.parent)

    def _remove(self) -> None:
        self._file.close()
        with as_storage_errors():
            self._path.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    """Make a rename in the directory durable, so that it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
