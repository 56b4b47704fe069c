"""Finding the processes of a worker, and whatever outlived its parents."""

import ctypes
import os
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies, so that none can hide."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


@dataclass(frozen=True)
class WorkerTree:
    """The processes of one worker, each None where it does not live now."""

    main: psutil.Process | None
    supervisor: psutil.Process | None
    server: psutil.Process | None
    engine: psutil.Process | None


def worker_tree(pid: int) -> WorkerTree:
    """Main → supervisor (Celery's pool process) → preloaded server → engine."""
    main = _process(pid)
    supervisor = next((p for p in _children(main) if not _is_server(p)), None)
    server = next((p for p in _children(supervisor) if _is_server(p)), None)
    engine = next(iter(_children(server)), None)
    return WorkerTree(main, supervisor, server, engine)


def descendants() -> list[psutil.Process]:
    """Every process below this one that is no zombie."""
    return [p for p in psutil.Process(os.getpid()).children(recursive=True) if _alive(p)]


def reap() -> None:
    """Collect the adopted orphans that have ended."""
    for process in psutil.Process(os.getpid()).children():
        if not _alive(process):
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _children(process: psutil.Process | None) -> list[psutil.Process]:
    if process is None:
        return []
    try:
        return [p for p in process.children() if _alive(p)]
    except psutil.NoSuchProcess:
        return []


def _is_server(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return "serve" in command and "--fd" in command
