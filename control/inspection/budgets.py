"""The budget of one inspection: memory, time, disk. The page docs/decisions/0006-uploads-are-read-apart.md has the measurements."""

from dataclasses import dataclass

_MB = 1_000_000
_MEMORY_BYTES = 800 << 20
_MEMORY_MORE_BYTES = 2 << 30
"""Limit of private, writable memory, including the 55 MB of the readers. A file adds its own size, up to the second number: for the
directory of a zip of a million images, or an hour of sound."""
_CPU_SECONDS = 20
_CPU_SECONDS_A_MB = 2.0
_WALL_SECONDS = 60
_WALL_A_CPU_SECOND = 5
"""Seconds of wall time for each second of processor time: while a training uses every core, an inspection gets a part of one."""
_TEMPORARY_BYTES = 1 << 30
_TEMPORARY_A_BYTE = 16
_NICE = 10
QUICK_BYTES = 1 << 20
"""Most bytes of plain text that is inspected without waiting for larger files."""


@dataclass(frozen=True)
class Budget:
    """Upper limits of one inspection; `core.formats.limits` limits decoded bytes and stored names."""

    memory_bytes: int
    cpu_seconds: int
    """Seconds of processor time of all threads together."""
    wall_seconds: float
    """Seconds from the child's start; waiting in the queue does not count."""
    temporary_bytes: int
    """Bytes in a temporary file."""
    nice: int


def budget_for(file_bytes: int, *, quick: bool = False) -> Budget:
    """The budget for a file of this size. Time is proportional to the size, so that a small file cannot take much of it."""
    cpu = _CPU_SECONDS + int(_CPU_SECONDS_A_MB * file_bytes / _MB)
    return Budget(
        memory_bytes=_MEMORY_BYTES + min(_MEMORY_MORE_BYTES, file_bytes),
        cpu_seconds=cpu,
        wall_seconds=float(_WALL_SECONDS + _WALL_A_CPU_SECOND * cpu),
        temporary_bytes=_TEMPORARY_BYTES + _TEMPORARY_A_BYTE * file_bytes,
        nice=0 if quick else _NICE,
    )
