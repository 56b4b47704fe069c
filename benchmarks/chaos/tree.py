"""Finds the processes of a worker."""

from dataclasses import dataclass

import psutil

from benchmarks._processes import alive


@dataclass(frozen=True)
class WorkerTree:
    """The processes of one worker; None for each that does not run now."""

    main: psutil.Process | None
    supervisor: psutil.Process | None
    server: psutil.Process | None
    engine: psutil.Process | None


def worker_tree(pid: int) -> WorkerTree:
    """The chain of parent and child: main process → supervisor (Celery's pool process) → preloaded server → engine."""
    main = _process(pid)
    supervisor = next((p for p in _children(main) if not _is_server(p)), None)
    server = next((p for p in _children(supervisor) if _is_server(p)), None)
    engine = next(iter(_children(server)), None)
    return WorkerTree(main, supervisor, server, engine)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _children(process: psutil.Process | None) -> list[psutil.Process]:
    if process is None:
        return []
    try:
        return [p for p in process.children() if alive(p)]
    except psutil.NoSuchProcess:
        return []


def _is_server(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return "serve" in command and "--fd" in command
