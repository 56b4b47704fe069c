"""The file cache of a worker machine. All workers of the machine share it, and may use it at the same time.

``objects/``
    Files of datasets, named by the sha256 of their content, read-only.
``prepared/``
    Prepared data that the engine made of them: one directory for each `core.spec.prepared.prepared_key`.
``runs/``
    One directory for each attempt, removed at its end. A directory whose lock is free was left by a killed worker.
``locks/``
    Lock files. Only a run's is ever deleted, since its name never comes again: a deleted lock can be held twice.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control.locks import FileLock, locked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    path: Path
    used: float
    bytes: int


class Cache:
    """See the module's docstring.

    Args:
        directory: Made if absent; only this user may enter it.
        limit_bytes: `trim` drops what was used longest ago above this size.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self.directory = directory.expanduser().absolute()
        self._limit_bytes = limit_bytes
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("objects", "prepared", "runs", "locks"):
            (self.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def object(self, sha256: str, bytes_: int, fill: Callable[[Path], None]) -> Path:
        """The path of the file with this content; `fill` fetches it if it is not cached yet.

        A second process that wants the same file waits until the first one has fetched it.

        Args:
            sha256: Hex digest of the content.
            bytes_: Its size.
            fill: Writes the content to the given path, and checks it. Of a file that is cached already only the size
                is checked here: the caller checks its content.
        """
        path = self._object_path(sha256)
        with locked(self._lock(sha256)):
            if not path.exists() or path.stat().st_size != bytes_:
                path.parent.mkdir(exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.unlink(missing_ok=True)
                try:
                    fill(partial)
                    partial.chmod(0o400)
                    partial.replace(path)
                finally:
                    partial.unlink(missing_ok=True)
            os.utime(path)
        return path

    def discard(self, sha256: str) -> None:
        """Remove a file whose content does not match its sha256; runs keep their own hard links to it."""
        with locked(self._lock(sha256)):
            self._object_path(sha256).unlink(missing_ok=True)

    def missing_bytes(self, objects: Iterable[tuple[str, int]]) -> int:
        """Bytes of those of the given (sha256, bytes) that are not cached yet."""
        return sum(size for sha256, size in objects if not self._object_path(sha256).exists())

    @contextmanager
    def prepared(self, key: str) -> Iterator[Path]:
        """The directory for prepared data of this key, kept from `trim` for the length of the block."""
        path = self.directory / "prepared" / key
        with locked(self._lock(key), shared=True):
            path.mkdir(exist_ok=True)
            os.utime(path)
            yield path

    @contextmanager
    def run(self, name: str) -> Iterator[Path]:
        """A fresh directory for one attempt, removed at the end of the block."""
        path = self.directory / "runs" / name
        with locked(self._lock(f"run-{name}")):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
                self._lock(f"run-{name}").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the run directories of workers that were killed."""
        for path in (self.directory / "runs").iterdir():
            lock = self._lock(f"run-{path.name}")
            with contextlib.suppress(BlockingIOError), locked(lock, wait=False):
                log.info("removing %s, left by a worker that was killed", path.name)
                shutil.rmtree(path, ignore_errors=True)
                lock.unlink(missing_ok=True)

    def trim(self, wanted_bytes: int = 0) -> None:
        """Remove the least recently used entries until `wanted_bytes` more fit below the limit.

        What a run uses stays: prepared data is locked, and of objects the run has hard links of its own.
        """
        try:
            trimming = FileLock(self._lock("trim"), wait=False)
        except BlockingIOError:
            return  # another process is trimming
        try:
            entries = sorted(self._entries(), key=lambda entry: entry.used)
            excess = sum(entry.bytes for entry in entries) + wanted_bytes - self._limit_bytes
            for entry in entries:
                if excess <= 0:
                    return
                with contextlib.suppress(BlockingIOError), locked(self._lock(entry.path.stem), wait=False):
                    _remove(entry.path)
                    excess -= entry.bytes
        finally:
            trimming.release()

    def _entries(self) -> Iterator[_Entry]:
        for path in (self.directory / "objects").glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                yield _Entry(path, status.st_mtime, status.st_size)
        for path in (self.directory / "prepared").iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield _Entry(path, path.stat().st_mtime, _tree_bytes(path))

    def _object_path(self, sha256: str) -> Path:
        return self.directory / "objects" / sha256[:2] / sha256

    def _lock(self, name: str) -> Path:
        return self.directory / "locks" / name


def _tree_bytes(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _remove(path: Path) -> None:
    if path.is_dir():
        # Renamed first: a half-removed directory must never be taken for a whole one.
        doomed = path.with_name(f".{path.name}.removed")
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
