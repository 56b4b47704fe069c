"""The private directory of a worker for sockets and small files; removed when the worker ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.private_directory import PrivateDirectory


@contextmanager
def runtime_directory() -> Iterator[Path]:
    """A directory with a short path, for this user only. Removes the directories of killed workers first."""
    directory = PrivateDirectory("seedbed-worker-")
    try:
        yield directory.path
    finally:
        directory.remove()
