"""``batch_size: auto``: the largest batch that fits, found by real steps."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch

from core.data import Prepared
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.decisions import Decisions
from core.training.devices import Place
from core.training.memory import available_mb, is_out_of_memory, memory_mb, peak_memory_mb
from core.training.trials import trial

_SHARE = 0.8
"""Of the memory that is there, what the trial may come to: batches differ, and fragments add up."""
_LONGEST_STEP_SECONDS = 60.0
"""A part that takes longer than this is large enough."""
_LARGEST_PART = 65_536


@dataclass(frozen=True, slots=True)
class Fit:
    """How a part of so many samples fared."""

    peak_mb: float
    """Growth over what the process had before the trials."""
    seconds: float


def decide_batch_size(job: JobSpec, data: Prepared, place: Place, decisions: Decisions) -> int:
    """``accumulation_steps`` times the largest part that fits: powers of two, and the size half-way to the next.

    On a GPU a part that is too large fails, and its memory is given back. On a CPU nothing fails before the system kills
    the process, so a part is only tried where the growth measured so far says that it will fit.
    """
    parts = job.training.accumulation_steps
    most = min(len(create_objective(job, data).samples("train")) // parts, _LARGEST_PART)
    start, budget = memory_mb(place.device), _SHARE * available_mb(place.device)
    tried: dict[int, Fit] = {}
    reason = (
        f"the training part has {most * parts} samples to draw from"
        if most < _LARGEST_PART
        else "it is the most"
    )
    for size in _sizes(max(1, most)):
        expected = _expected(tried, size)
        if tried and expected > budget:
            reason = (
                f"{size} samples a part would take about {expected:.0f} of the {budget:.0f} MiB there are"
            )
            break
        fit = _try(job, data, place, size * parts, start)
        if fit is None:
            reason = f"{size} samples a part did not fit"
            break
        if fit.peak_mb > budget:
            reason = f"{size} samples a part took {fit.peak_mb:.0f} of the {budget:.0f} MiB there are"
            break
        tried[size] = fit
        if fit.seconds > _LONGEST_STEP_SECONDS:
            reason = f"a part of {size} samples already takes {fit.seconds:.0f} s"
            break
    part = max(tried, default=1)
    found = tried.get(part)
    measured = {"peak_mb": round(found.peak_mb, 1), "step_s": found.seconds} if found else {}
    decisions.make(
        "batch_size", part * parts, f"{part} samples at once, {parts} times a step: {reason}.", measured
    )
    return part * parts


def _sizes(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12 … up to ``most``."""
    sizes = sorted({1 << k for k in range(17)} | {3 << k for k in range(16)})
    return [size for size in sizes if size <= most]


def _expected(tried: dict[int, Fit], size: int) -> float:
    """MiB that a part will take: the line through the two largest tried, and never less than in proportion to the last
    growth."""
    known = sorted(tried)[-2:]
    if len(known) < 2:
        return tried[known[0]].peak_mb if known else 0.0
    low, high = known
    slope = (tried[high].peak_mb - tried[low].peak_mb) / (high - low)
    return tried[high].peak_mb + max(0.0, slope) * (size - high)


def _try(job: JobSpec, data: Prepared, place: Place, batch_size: int, start: float) -> Fit | None:
    """Two steps of a batch; None where it does not fit."""
    training = job.training.model_copy(update={"batch_size": batch_size})
    try:
        with trial(job.model_copy(update={"training": training}), data, place) as tried:
            _restart_peak(place.device)
            tried.step()
            seconds = tried.step()
            return Fit(max(0.0, peak_memory_mb(place.device) - start), seconds)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if place.device.type == "cuda":
            torch.cuda.empty_cache()
        return None


def _restart_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(
            OSError
        ):  # without it the peak is that of all trials, which errs on the safe side
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
