"""``batch_size: auto``: finds the largest batch that fits in memory, by real training steps."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch

from core.data import Prepared
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.decisions import Decisions, Reason
from core.training.devices import Place
from core.training.memory import available_mb, is_out_of_memory, memory_mb, peak_memory_mb
from core.training.trials import trial

_SHARE = 0.8
"""Share of the available memory that a trial may use, because batches differ and memory becomes fragmented."""
_LONGEST_STEP_SECONDS = 60.0
"""Seconds: a micro-batch that takes longer than this is large enough."""
_LARGEST_PART = 65_536


@dataclass(frozen=True, slots=True)
class Fit:
    """The measured memory and time of a micro-batch of one size."""

    peak_mb: float
    """Growth over the process's memory before the trials."""
    seconds: float


def decide_batch_size(job: JobSpec, data: Prepared, place: Place, decisions: Decisions) -> int:
    """``accumulation_steps`` times the largest micro-batch that fits.

    Sizes that are tried are powers of two and those half-way between.
    On a GPU a micro-batch that is too large fails, and its memory is freed. On a CPU no allocation fails before the
    system kills the process, so a micro-batch is tried only if the growth measured so far predicts that it will fit.
    """
    parts = job.training.accumulation_steps
    most = min(len(create_objective(job, data).samples("train")) // parts, _LARGEST_PART)
    start, budget = memory_mb(place.device), _SHARE * available_mb(place.device)
    tried: dict[int, Fit] = {}
    reason = Reason("largest_micro_batch", "it is the most")
    if most < _LARGEST_PART:
        reason = Reason(
            "whole_split", f"the training split has {most * parts} samples", {"samples": most * parts}
        )
    for size in _sizes(max(1, most)):
        expected = _expected(tried, size)
        if tried and expected > budget:
            reason = Reason(
                "expected_too_large",
                f"{size} samples per micro-batch would need about {expected:.0f} of the {budget:.0f} MiB available",
                {"size": size, "expected_mb": expected, "available_mb": budget},
            )
            break
        fit = _try(job, data, place, size * parts, start)
        if fit is None:
            reason = Reason("did_not_fit", f"{size} samples per micro-batch did not fit", {"size": size})
            break
        if fit.peak_mb > budget:
            reason = Reason(
                "too_large",
                f"{size} samples per micro-batch needed {fit.peak_mb:.0f} of the {budget:.0f} MiB available",
                {"size": size, "peak_mb": fit.peak_mb, "available_mb": budget},
            )
            break
        tried[size] = fit
        if fit.seconds > _LONGEST_STEP_SECONDS:
            reason = Reason(
                "too_slow",
                f"a micro-batch of {size} samples already takes {fit.seconds:.0f} s",
                {"size": size, "seconds": fit.seconds},
            )
            break
    part = max(tried, default=1)
    found = tried.get(part)
    measured = {"peak_mb": round(found.peak_mb, 1), "step_s": found.seconds} if found else {}
    decisions.make(
        "batch_size",
        part * parts,
        Reason(
            reason.code,
            f"{part} samples per micro-batch, {parts} micro-batches per step: {reason.message}.",
            {**reason.params, "micro_batch": part, "micro_batches": parts},
        ),
        measured,
    )
    return part * parts


def _sizes(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12 … up to ``most``."""
    sizes = sorted({1 << k for k in range(17)} | {3 << k for k in range(16)})
    return [size for size in sizes if size <= most]


def _expected(tried: dict[int, Fit], size: int) -> float:
    """Predicted MiB of a micro-batch.

    It is extrapolated linearly from the two largest tried, and at least in proportion to the last growth.
    """
    known = sorted(tried)[-2:]
    if len(known) < 2:
        return tried[known[0]].peak_mb if known else 0.0
    low, high = known
    slope = (tried[high].peak_mb - tried[low].peak_mb) / (high - low)
    return tried[high].peak_mb + max(0.0, slope) * (size - high)


def _try(job: JobSpec, data: Prepared, place: Place, batch_size: int, start: float) -> Fit | None:
    """Two steps on a batch; None if it does not fit."""
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
        ):  # otherwise the peak is that of all trials, which gives a smaller batch
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
