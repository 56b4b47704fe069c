"""Prepared data on disk: made once for each key, whole or not at all, whoever asks at the same time."""

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
    """What is prepared under ``key`` in ``cache``, built now where it is not there yet; and whether it was there.

    Two processes that ask for the same at once are both served: one waits while the other works.
    A process that dies leaves ``<key>.partial``. The next preparation of the same key removes it or, where it is
    ``resumable``, goes on with it; any other preparation removes it once it is a day old.

    Args:
        open_: opens a prepared directory; None where it is not whole.
        build: fills an empty directory; with ``resumable`` one that may hold what a build that was killed left.

    Raises:
        OSError: where ``cache`` cannot be written; and whatever ``build`` raises.
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
            if target.exists():  # damaged: it did not open
                shutil.rmtree(target)
            partial.rename(target)
            _sync_entry(cache)
        except BaseException as error:
            # What data or disk refuse is not worth going on with; what a person or the system ended is.
            if not resumable or isinstance(error, DataError | OSError):
                shutil.rmtree(partial, ignore_errors=True)
            raise
    made = open_(target)
    assert made is not None, target
    return made, False


def _lock(cache: Path, key: str) -> Path:
    return cache / f"{key}.lock"


def _remove_leftovers(cache: Path, own: Path) -> None:
    """Removes what dead processes left long ago, as nobody seems to go on with it; who lives holds its key's lock."""
    for partial in cache.glob("*.partial"):
        if partial == own or partial.stat().st_mtime > time.time() - _ABANDONED_SECONDS:
            continue
        with locked(_lock(cache, partial.stem), wait=False) as free:
            if free:
                shutil.rmtree(partial, ignore_errors=True)


def _sync(directory: Path) -> None:
    """Everything in ``directory`` is on disk before the rename says that it is."""
    for path in (*directory.rglob("*"), directory):
        _sync_entry(path)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
