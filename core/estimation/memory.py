"""Measures the peak memory of a step, and finds how many samples fit."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.data import Samples
from core.objectives.base import Objective
from core.randomness import seed_torch
from core.training.devices import Place
from core.training.memory import is_out_of_memory, peak_memory_mb

_MEBIBYTE = 1 << 20
_RESERVE = 0.9
"""Share of the device's memory that is assumed usable: fragmentation and other allocations need the rest."""
_CLEAR_BYTES = 48 * _MEBIBYTE
"""The peak must grow by this much before its slope is larger than the allocator's noise."""
_SECONDS = 30.0
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class LargestBatch:
    """The largest number of samples that fit at once."""

    samples: int
    bytes_per_sample: float
    limit_bytes: int
    how: str


def reset_peak(device: torch.device) -> None:
    """Reset the peak."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    # Linux resets the high-water mark of resident memory. If the file cannot be written, the mark stays, too high.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(device: torch.device) -> int:
    """Peak of the bytes in use since `reset_peak`."""
    return int(peak_memory_mb(device) * _MEBIBYTE)


def device_bytes(device: torch.device) -> int:
    """Total memory of the device in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo tells no MemTotal")


def largest_batch(
    objective: Objective, samples: Samples, place: Place, *, start: int, limit_bytes: int
) -> LargestBatch:
    """How many samples fit in memory for a forward and a backward pass.

    Batches are doubled until the peak has grown enough to measure its slope, or half of the limit is in use; from
    there the peak is extrapolated linearly to the limit. On a GPU the result is then tried, and lowered while it
    does not fit. On a CPU it is not tried, because the allocation would not fail: the system would kill the process.

    Args:
        start: samples of the first batch.
        limit_bytes: total memory of the device.
    """
    limit = int(limit_bytes * _RESERVE)
    until = time.monotonic() + _SECONDS
    count = start
    first = last = (count, _peak_of(objective, samples, place, count))
    try:
        while last[1] - first[1] < _CLEAR_BYTES and last[1] < limit // 2 and count < _MOST:
            if time.monotonic() > until:
                break
            count *= 2
            last = (count, _peak_of(objective, samples, place, count))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    slope = (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0
    if slope <= 0:
        return LargestBatch(
            last[0], 0.0, limit, f"the largest size tried; memory did not grow up to {last[0]} samples"
        )
    fits = int(min(_MOST, max(1, last[0] + (limit - last[1]) / slope)))
    how = f"extrapolated from the peaks at {first[0]} and {last[0]} samples"
    if place.device.type == "cuda":
        fits = _largest_that_runs(objective, samples, place, fits)
        how += ", and tried"
    return LargestBatch(fits, slope, limit, how)


def _largest_that_runs(objective: Objective, samples: Samples, place: Place, fits: int) -> int:
    while fits > 1:
        try:
            _peak_of(objective, samples, place, fits)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            objective.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            fits = max(1, int(fits * 0.9))
        else:
            break
    return fits


def _peak_of(objective: Objective, samples: Samples, place: Place, count: int) -> int:
    ids = np.arange(count, dtype=np.int64) % len(samples)
    batch = objective.collate(samples.rows(ids), ids, 0)
    reset_peak(place.device)
    seed_torch(0, "dropout", 0, 0, 0)
    with place.autocast():
        losses = objective(batch.to(place.device))
    losses.total.backward()
    objective.zero_grad(set_to_none=True)
    return peak_bytes(place.device)
