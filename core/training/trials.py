"""Trial steps before the first step: on the run's own data and device, with networks that are discarded afterwards."""

import gc
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from core.data import Prepared
from core.distributed.world import World
from core.objectives.base import Batch, Objective
from core.randomness import seed_torch
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream
from core.training.compilation import compile_or_fall_back
from core.training.decisions import Decisions, Reason
from core.training.devices import Place, Precision
from core.training.optimizers import create_optimizers

_FEWEST_STEPS = 200
"""A run of fewer steps does not save as much time as the trial steps take."""
_ROUNDS = 3
_SAMPLES_OF_AUTO = 8
"""Samples of a micro-batch while ``batch_size`` is not yet decided."""
_FP32_GAIN = 1.25
"""How many times as fast as bf16 fp32 must be to be chosen: large enough that noise does not decide."""
_EMULATED_SECONDS = 2.0
_EMULATED_FACTOR = 5.0
"""bf16 is not timed again if its first step takes longer than these seconds and this many times as long as in fp32."""
_COMPILED_GAIN = 1.1
_SECONDS_WORTH_COMPILING = 120.0
_RETURN_ON_COMPILING = 2.0
"""Seconds that a compilation must save for each second that it takes."""


@dataclass
class Trial:
    """Networks like the run's, and one micro-batch of its first batch."""

    objective: Objective
    optimizers: Mapping[str, torch.optim.Optimizer]
    place: Place
    batch: Batch

    def step(self) -> float:
        """Do one step on the micro-batch: forward, backward and optimiser. Returns the seconds it took."""
        seed_torch(0, "trial")
        started = time.perf_counter()
        with self.place.autocast():
            losses = self.objective(self.batch.to(self.place.device))
        (losses.total / self.batch.count).backward()
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self.place.device.type == "cuda":
            torch.cuda.synchronize(self.place.device)
        return time.perf_counter() - started


@contextmanager
def trial(job: JobSpec, data: Prepared, place: Place) -> Iterator[Trial]:
    """Networks for trial steps. Networks depend on the seed alone, so creating these does not change the run's own."""
    objective = create_objective(job, data)
    samples, training = objective.samples("train"), job.training
    samples.require(training.least_sequences_per_step)
    if training.batch_size == "auto":
        part = max(1, min(_SAMPLES_OF_AUTO, len(samples) // training.accumulation_steps))
        training = training.model_copy(update={"batch_size": part * training.accumulation_steps})
    objective.to(place.device)
    objective.train()
    optimizers = create_optimizers(training.optimizer, objective)
    with BatchStream(objective, samples, training, World()) as batches:
        yield Trial(objective, optimizers, place, batches.make(1)[0])
    del objective, optimizers
    gc.collect()
    if place.device.type == "cuda":
        torch.cuda.empty_cache()


def decide_precision(job: JobSpec, data: Prepared, place: Place, decisions: Decisions) -> Precision:
    """Decide between fp32 and bf16 autocast on a device with bf16 arithmetic; ``place`` has the hardware's default."""
    if place.precision == "fp32":
        reason = Reason("no_bf16", f"{place.name} has no bf16 arithmetic.", {"device": place.name})
        decisions.make("precision", "fp32", reason)
    elif job.training.total_steps < _FEWEST_STEPS:
        decisions.make(
            "precision",
            "bf16",
            Reason(
                "too_few_steps",
                f"{place.name} has bf16 arithmetic; {job.training.total_steps} steps are too few to measure.",
                {"device": place.name, "steps": job.training.total_steps},
            ),
        )
    else:
        precisions: tuple[Precision, ...] = ("fp32", "bf16")
        with trial(job, data, place) as tried:

            def step(precision: Precision) -> float:
                tried.place = replace(place, precision=precision)
                return tried.step()

            seconds = {precision: [step(precision)] for precision in precisions}
            emulated = seconds["bf16"][0] > max(_EMULATED_SECONDS, _EMULATED_FACTOR * seconds["fp32"][0])
            if not emulated:
                # The first step of each precision was the warm-up.
                seconds = {precision: [] for precision in precisions}
                for _ in range(_ROUNDS):
                    for precision in precisions:
                        seconds[precision].append(step(precision))
        bf16, fp32 = statistics.median(seconds["bf16"]), statistics.median(seconds["fp32"])
        choice: Precision = "fp32" if fp32 * _FP32_GAIN < bf16 else "bf16"
        decisions.make(
            "precision",
            choice,
            Reason(
                "precision_measured",
                f"A step takes {bf16:.3g} s in bf16 and {fp32:.3g} s in fp32; fp32 is taken where it is at least "
                f"{_FP32_GAIN:g} times as fast.",
                {"bf16_seconds": bf16, "fp32_seconds": fp32, "least_gain": _FP32_GAIN},
            ),
            {"bf16_step_s": bf16, "fp32_step_s": fp32},
        )
        return choice
    return place.precision


def decide_compile(job: JobSpec, data: Prepared, place: Place, decisions: Decisions) -> bool:
    """Decide whether compiling the networks saves time within the run."""
    steps, parts = job.training.total_steps, job.training.accumulation_steps
    with trial(job, data, place) as tried:
        tried.step()
        eager = statistics.median(tried.step() for _ in range(_ROUNDS))
        measured = {"eager_step_s": eager}
        whole = eager * steps * parts
        if whole < _SECONDS_WORTH_COMPILING:
            reason = Reason(
                "run_too_short",
                f"The run takes about {whole:.0f} s uncompiled; compiling would not save time.",
                {"seconds": whole},
            )
            decisions.make("compile", False, reason, measured)
            return False
        started = time.perf_counter()
        if not compile_or_fall_back(tried.objective, tried.batch, place, decisions.events):
            decisions.make("compile", False, Reason("compiling_failed", "Compiling failed."), measured)
            return False
        tried.step()
        compiling = time.perf_counter() - started
        compiled = statistics.median(tried.step() for _ in range(_ROUNDS))
    measured |= {"compiled_step_s": compiled, "compile_s": compiling}
    saved = (eager - compiled) * steps * parts
    choice = eager > compiled * _COMPILED_GAIN and saved > compiling * _RETURN_ON_COMPILING
    decisions.make(
        "compile",
        choice,
        Reason(
            "compiling_measured",
            f"A step takes {eager:.3g} s and compiled {compiled:.3g} s; compiling took {compiling:.0f} s. It is taken where it "
            f"is at least {_COMPILED_GAIN:g} times as fast and saves {_RETURN_ON_COMPILING:g} times its cost.",
            {
                "eager_seconds": eager,
                "compiled_seconds": compiled,
                "compiling_seconds": compiling,
                "least_gain": _COMPILED_GAIN,
                "least_return": _RETURN_ON_COMPILING,
            },
        ),
        measured,
    )
    return choice
