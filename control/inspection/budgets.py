"""The budget of one inspection: memory, time, disk. The measurements behind the numbers: docs/decisions, "inspections have budgets"."""

from dataclasses import dataclass

_MB = 1_000_000
_MEMORY_BYTES = 800 << 20
_MEMORY_MORE_BYTES = 2 << 30
"""Of private, writable memory, the 55 MB that the readers take themselves included; and as much more as the file has bytes, but no
more than that: the directory of a zip of a million images, an hour of sound."""
_CPU_SECONDS = 20
_CPU_SECONDS_A_MB = 2.0
_WALL_SECONDS = 60
_WALL_A_CPU_SECOND = 5
"""Seconds of wall time for each second of processor time: beside a training on every core, an inspection gets part of one."""
_TEMPORARY_BYTES = 1 << 30
_TEMPORARY_A_BYTE = 16
_NICE = 10
QUICK_BYTES = 1 << 20
"""Most bytes of plain text that is inspected without waiting for larger files."""


@dataclass(frozen=True)
class Budget:
    """Upper limits; `core.formats.limits` limits decoded bytes and kept names."""

    memory_bytes: int
    cpu_seconds: int
    """Seconds of processor time of all threads together."""
    wall_seconds: float
    """Seconds from the child's start; waiting for a turn does not count."""
    temporary_bytes: int
    """Bytes in a temporary file."""
    nice: int


def budget_for(file_bytes: int, *, quick: bool = False) -> Budget:
    """The budget for a file of so many bytes. Time is in proportion to what was sent, so that no small file buys much of it."""
    cpu = _CPU_SECONDS + int(_CPU_SECONDS_A_MB * file_bytes / _MB)
    return Budget(
        memory_bytes=_MEMORY_BYTES + min(_MEMORY_MORE_BYTES, file_bytes),
        cpu_seconds=cpu,
        wall_seconds=float(_WALL_SECONDS + _WALL_A_CPU_SECOND * cpu),
        temporary_bytes=_TEMPORARY_BYTES + _TEMPORARY_A_BYTE * file_bytes,
        nice=0 if quick else _NICE,
    )
