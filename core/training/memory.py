"""How much memory a run uses, and what to say when there is not enough."""

import os
import re
from pathlib import Path

import torch

from core.spec import TrainingSpec
from core.training.errors import EngineError

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
    """MiB in use at the worst moment so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MEBIBYTE
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else memory_mb(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that an allocation failed, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_CPU_ALLOCATION_FAILED.search(str(error)))


def out_of_memory(device: torch.device, training: TrainingSpec, cause: BaseException) -> EngineError:
    """The error for a run that met the end of its memory."""
    peak = peak_memory_mb(device)
    part = training.batch_size // training.accumulation_steps
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
    )
