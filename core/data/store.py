"""The store of prepared data on disk. Each key is built once, completely or not at all, also when processes ask at the same time."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.data.errors import DataError
from core.data.locks import locked

_P = TypeVar("_P")
_ABANDONED_SECONDS = 24 * 3600


def stored(
    cache: Path,
    key: str,
    *,
    open_: Callable[[Path], _P | None],
    build: Callable[[Path], object],
    resumable: bool = False,
) -> tuple[_P, bool]:
    """The prepared data of ``key`` in ``cache``, and whether it was there already. It is built now if it was not.

    If two processes ask for the same key, one builds and the other waits.
    A process that dies leaves ``<key>.partial``. The next preparation of the same key removes it or, if it is ``resumable``,
    resumes from it. Any other preparation removes it after a day.

    Args:
        open_: Opens a prepared directory; returns None where it is incomplete.
        build: Fills an empty directory; with ``resumable``, a directory that may hold the result of a build that was killed.

    Raises:
        OSError: where ``cache`` cannot be written; and everything that ``build`` raises.
    """
    target = cache / key
    if found := open_(target):
        return found, True
    cache.mkdir(parents=True, exist_ok=True)
    with locked(_lock(cache, key)):
        if found := open_(target):
            return found, True
        partial = cache / f"{key}.partial"
        _remove_leftovers(cache, partial)
        if partial.exists() and not resumable:
            shutil.rmtree(partial)
        partial.mkdir(exist_ok=True)
        try:
            build(partial)
            _sync(partial)
            if target.exists():  # it is damaged, because it did not open
                shutil.rmtree(target)
            partial.rename(target)
            _sync_entry(cache)
        except BaseException as error:
            # After an error of the data or the disk there is nothing to resume; after an interruption by a person or
            # the system there is.
            if not resumable or isinstance(error, DataError | OSError):
                shutil.rmtree(partial, ignore_errors=True)
            raise
    made = open_(target)
    assert made is not None, target
    return made, False


def _lock(cache: Path, key: str) -> Path:
    return cache / f"{key}.lock"


def _remove_leftovers(cache: Path, own: Path) -> None:
    """Remove partial data that dead processes left long ago and that no preparation resumed.

    A live process holds the lock of its key.
    """
    for partial in cache.glob("*.partial"):
        if partial == own or partial.stat().st_mtime > time.time() - _ABANDONED_SECONDS:
            continue
        with locked(_lock(cache, partial.stem), wait=False) as free:
            if free:
                shutil.rmtree(partial, ignore_errors=True)


def _sync(directory: Path) -> None:
    """Sync everything in ``directory`` to disk, before the rename marks it as complete."""
    for path in (*directory.rglob("*"), directory):
        _sync_entry(path)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
