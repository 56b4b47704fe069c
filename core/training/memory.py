"""Measures a run's memory, and builds the error for a run that has not enough."""

import contextlib
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

from core.errors import EngineError
from core.spec.training import TrainingSpec

_MEBIBYTE = 1024 * 1024
_CPU_ALLOCATION_FAILED = re.compile(
    r"can't allocate memory|not enough memory|Cannot allocate memory", re.IGNORECASE
)


def memory_mb(device: torch.device) -> float:
    """MiB in use now: the device's on a GPU, the process's resident memory on a CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / _MEBIBYTE
    resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE") / _MEBIBYTE


def peak_memory_mb(device: torch.device) -> float:
    """Peak of the memory in use so far, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MEBIBYTE
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else memory_mb(device)


def available_mb(device: torch.device) -> float:
    """MiB that this process can still allocate: on a GPU, or within the machine and every control group it is in."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return (free + cached) / _MEBIBYTE
    match = re.search(
        r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE
    )
    free_bytes = [int(match[1]) * 1024] if match else []
    free_bytes += [limit - used for limit, used in _control_groups()]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        free_bytes.append(limit - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(free_bytes, default=0)) / _MEBIBYTE


def _control_groups() -> Iterator[tuple[int, int]]:
    """Limit and use in bytes of each memory control group around this process that has a limit."""
    root = Path("/sys/fs/cgroup")
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            top, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        inner = top / path.strip("/")
        for group in (inner, *(parent for parent in inner.parents if parent.is_relative_to(top))):
            with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
                limit, used = (int((group / name).read_text(encoding="ascii")) for name in names)
                yield limit, used


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that an allocation failed, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_CPU_ALLOCATION_FAILED.search(str(error)))


def out_of_memory(device: torch.device, training: TrainingSpec, cause: BaseException) -> EngineError:
    """The error for a run whose allocation failed."""
    peak = peak_memory_mb(device)
    part = training.least_sequences_per_step // training.accumulation_steps
    where = f"GPU {device.index or 0}" if device.type == "cuda" else "this machine"
    return EngineError(
        "out_of_memory",
        f"{where} has not enough memory for {part} sequences of {training.sequence_length} tokens at once; "
        f"{peak:.0f} MiB were in use at the peak, then: {str(cause).splitlines()[0] if str(cause) else 'MemoryError'}",
        f"Raise training.accumulation_steps (now {training.accumulation_steps}; the result stays the same), or lower "
        f"training.batch_size (now {training.batch_size}), training.sequence_length (now {training.sequence_length}) "
        "or the model's size.",
        peak_mb=round(peak, 1),
        sequences_at_once=part,
        device=where,
        sequence_length=training.sequence_length,
        accumulation_steps=training.accumulation_steps,
        batch_size=training.batch_size,
        error=cause,
    )
