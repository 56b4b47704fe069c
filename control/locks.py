"""File locks between processes of one machine; the kernel releases them when the holding process ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """An advisory lock on a file, held from the call on until `release` or the process's end."""

    def __init__(self, path: Path, *, shared: bool = False, wait: bool = True) -> None:
        """Raises: BlockingIOError: another process holds it, and `wait` is False."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(
                self._fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
            )
        except BaseException:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """The descriptor, for a child that shall hold the lock too, even after this process's `release`."""
        return self._fd

    def release(self) -> None:
        """Release the lock. A child that was given the descriptor still holds it."""
        if self._fd != -1:
            os.close(self._fd)
            self._fd = -1

    close = release


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock on `path` for the length of the block.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
    """
    lock = FileLock(path, shared=shared, wait=wait)
    try:
        yield
    finally:
        lock.release()
