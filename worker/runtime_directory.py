"""The private directory of a worker for sockets and small files; removed when the worker ends."""

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
    """A directory with a short path, for this user only. Removes the directories of killed workers first."""
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
        # Directories of other users are left alone; one without a lock is being made at this moment.
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == os.geteuid() and lock.exists():
                with locked(lock, wait=False):
                    shutil.rmtree(directory)
