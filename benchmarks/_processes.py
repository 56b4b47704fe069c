"""The processes that a benchmark starts: found wherever they are, and none left when it ends.

A benchmark is the parent of every descendant whose own parent has ended (Linux: a child subreaper), so that what it
started is found even where it leads a session of its own.
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
"""After SIGTERM; a process that then still runs is killed."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call a benchmark's ``main`` and exit with what it returns; no process that it started is left.

    SIGTERM, SIGINT and SIGHUP end it as an exception would, so that its ``with`` blocks stop what they
    started and remove its files. A second signal kills everything below at once.
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
        received.append(0)  # from here on a signal only hurries what is being done
        end_descendants()
    sys.exit(code)


def end_descendants(grace_seconds: float | None = None) -> None:
    """End every process below this one: SIGTERM, and SIGKILL for what then does not end."""
    deadline = time.monotonic() + (_GRACE_SECONDS if grace_seconds is None else grace_seconds)
    asked: set[int] = set()
    while left := _running():
        late = time.monotonic() > deadline
        _signal([p for p in left if late or p.pid not in asked], signal.SIGKILL if late else signal.SIGTERM)
        asked.update(process.pid for process in left)
        time.sleep(0.02)  # orphans come here one generation after the other; no event tells of the last


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants() -> list[psutil.Process]:
    """Every process below this one that has not ended."""
    return [process for process in psutil.Process().children(recursive=True) if alive(process)]


def reap() -> None:
    """Collect the adopted orphans that have ended."""
    for process in psutil.Process().children():
        if not alive(process):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def alive(process: psutil.Process) -> bool:
    """Whether it runs: neither gone nor a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _running() -> list[psutil.Process]:
    reap()
    return [process for process in descendants() if not _ends_with_this_one(process)]


def _ends_with_this_one(process: psutil.Process) -> bool:
    """Whether it is multiprocessing's own helper, which takes no SIGTERM and ends when its pipe is closed."""
    try:
        return any("from multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return True


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if number is signal.SIGTERM:
                process.send_signal(signal.SIGCONT)  # a stopped process takes no SIGTERM
            process.send_signal(number)
