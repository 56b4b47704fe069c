"""Finds and ends all processes that a benchmark has started.

A benchmark becomes the parent of every orphaned process among its descendants (Linux: a child subreaper), so that it
finds them even if they lead a session of their own.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_GRACE_SECONDS = 20.0
"""Seconds between SIGTERM and SIGKILL."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call a benchmark's ``main``, end all its descendants, and exit with the returned code.

    SIGTERM, SIGINT and SIGHUP raise an exception in ``main``, so that its ``with`` blocks stop what they
    started and remove its files. A second signal kills all descendants at once.
    """
    adopt_orphans()
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise SystemExit(128 + number)
        _signal(descendants(), signal.SIGKILL)

    for number in _ENDING:
        signal.signal(number, end)
    try:
        code = main()
    finally:
        received.append(0)  # from here on a signal kills the descendants and raises nothing
        end_descendants()
    sys.exit(code)


def end_descendants(grace_seconds: float | None = None) -> None:
    """End all descendants: SIGTERM, and SIGKILL for those that have not ended after the grace period."""
    deadline = time.monotonic() + (_GRACE_SECONDS if grace_seconds is None else grace_seconds)
    asked: set[int] = set()
    while left := _running():
        late = time.monotonic() > deadline
        _signal([p for p in left if late or p.pid not in asked], signal.SIGKILL if late else signal.SIGTERM)
        asked.update(process.pid for process in left)
        time.sleep(0.02)  # orphaned processes arrive one generation after another; no event marks the last


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that becomes an orphaned process."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants() -> list[psutil.Process]:
    """All descendants of this process that have not ended."""
    return [process for process in psutil.Process().children(recursive=True) if alive(process)]


def reap() -> None:
    """Collect the exit status of children that have ended, so that they are no zombies."""
    for process in psutil.Process().children():
        if not alive(process):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def alive(process: psutil.Process) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _running() -> list[psutil.Process]:
    reap()
    return [process for process in descendants() if not _is_resource_tracker(process)]


def _is_resource_tracker(process: psutil.Process) -> bool:
    """Whether it is multiprocessing's resource tracker, which ignores SIGTERM and ends when its pipe is closed."""
    try:
        return any("from multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return True


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if number is signal.SIGTERM:
                process.send_signal(signal.SIGCONT)  # a stopped process does not handle SIGTERM
            process.send_signal(number)
