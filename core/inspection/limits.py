"""Limits the resources of this process, by the kernel, so that code that reads a file cannot exceed them."""

import contextlib
import os
import resource
from pathlib import Path

_GRACE_SECONDS = 2
"""Time between SIGXCPU, which ends the process, and SIGKILL, in case SIGXCPU was caught, s of processor time."""


def apply_limits(*, memory_bytes: int, cpu_seconds: int, temporary_bytes: int, nice: int) -> None:
    """Apply resource limits to this process.

    Args:
        memory_bytes: Private, writable memory (``RLIMIT_DATA``): allocated memory. Not counted are files that libraries map,
            and address space that an allocator reserves, of which pyarrow alone takes 1 GB.
        cpu_seconds: Processor time of all threads together from the start of the process, s. SIGXCPU ends the process.
        temporary_bytes: Size of any one file that it writes.
        nice: Niceness, so that the processes that serve requests have priority.
    """
    # If the machine runs out of memory, the kernel is to end this process before any other of the service.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(nice)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, temporary_bytes),
    ):
        _lower(limit, most, most)
    _lower(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _GRACE_SECONDS)


def _lower(limit: int, soft: int, hard: int) -> None:
    """Set a limit, unless a lower one is set already."""
    before = resource.getrlimit(limit)[1]
    if before != resource.RLIM_INFINITY:
        soft, hard = min(soft, before), min(hard, before)
    resource.setrlimit(limit, (soft, hard))
