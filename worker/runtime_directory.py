"""A worker's private directory for sockets and notes, gone with the worker."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.locks import FileLock, locked

_PREFIX = "seedbed-worker-"


@contextmanager
def runtime_directory() -> Iterator[Path]:
    """A short path that only this user may enter. What killed workers left is removed on the way."""
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = FileLock(directory / "lock")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        lock.release()


def _sweep() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = directory / "lock"
        # Somebody else's is not ours to judge; one without a lock is just being made.
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == os.geteuid() and lock.exists():
                with locked(lock, wait=False):
                    shutil.rmtree(directory)
