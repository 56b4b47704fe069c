"""Holding this process to a budget, by the kernel: what reads a file cannot talk its way out of it."""

import contextlib
import os
import resource
from pathlib import Path

_PATIENCE_SECONDS = 2
"""Between SIGXCPU, which ends the process, and SIGKILL, should something have caught it."""


def hold_to(*, memory_bytes: int, cpu_seconds: int, temporary_bytes: int, nice: int) -> None:
    """From now on this process may have no more.

    Args:
        memory_bytes: Of private, writable memory (``RLIMIT_DATA``): what is allocated, and neither what libraries map of
            their files nor address space that an allocator reserves, of which pyarrow alone takes a gigabyte.
        cpu_seconds: Of processor time, all threads together, from the process's start; SIGXCPU ends it.
        temporary_bytes: In any one file that it writes.
        nice: How far processes that answer people go before.
    """
    # Should the machine's memory run out, the system is to end this process and none of the service's.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(nice)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, temporary_bytes),
    ):
        _lower(limit, most, most)
    _lower(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _PATIENCE_SECONDS)


def _lower(limit: int, soft: int, hard: int) -> None:
    """A limit that is lower already stays."""
    before = resource.getrlimit(limit)[1]
    if before != resource.RLIM_INFINITY:
        soft, hard = min(soft, before), min(hard, before)
    resource.setrlimit(limit, (soft, hard))
