"""The command ``estimate``: prepares the data, builds the networks, times a few real steps and reports the result."""

import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from core.checkpoints.resume import fingerprint
from core.checkpoints.writer import CheckpointWriter
from core.commands.digests import Digests
from core.commands.endings import run_to_end
from core.commands.settling import environment_of, load_spec, settle
from core.data import DataFile, Prepared, data_files, prepare_for
from core.data.files import ReadingByName
from core.distillation.hook import distilling
from core.distillation.teacher import TeacherCheckpoint, find_teacher, open_teacher, require_fit
from core.distributed.world import World
from core.estimation.flops import flops_per_step
from core.estimation.memory import device_bytes, largest_batch, peak_bytes, reset_peak
from core.estimation.peak import device_peak
from core.estimation.sampling import WHOLE_BYTES, sample_text
from core.estimation.timing import Timing, time_steps
from core.events import Events
from core.objectives.base import Objective
from core.objectives.hooks import Hooks
from core.process import keep_freed_memory
from core.spec.adaptation import Gradual
from core.spec.distillation_rules import completed
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream
from core.training.compilation import compile_or_fall_back
from core.training.decisions import Decisions
from core.training.devices import Place, choose_place, make_deterministic
from core.training.ema import ExponentialMovingAverage
from core.training.loop import Run, evaluate
from core.training.memory import is_out_of_memory, out_of_memory
from core.training.optimizers import create_optimizers
from core.training.signals import StopSignals

_LOW, _HIGH = 0.1, 0.9
"""Quantiles of the timed steps that give the estimate for a fast and for a slow run."""
_ENOUGH_STEPS = 100_000
"""Steps of the run that is timed: a job may have fewer steps than are timed here."""
_TELL_SECONDS = 0.5
_EVALUATED = 64
"""Held-out samples that one timed evaluation looks at, at most."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    spec: Path
    data: tuple[Path, ...]
    cache: Path | None = None
    start: Path | None = None
    """The checkpoint that the job starts from, of which the files without weights suffice."""
    teacher: Path | None = None
    """The checkpoint that the job distils; likewise."""
    threads: int | None = None
    largest_batch: bool = False
    memory_bytes: int | None = None
    reading: ReadingByName = field(default_factory=dict)
    digests: Digests = field(default_factory=Digests)


def estimate(options: Options, events: Events) -> int:
    """Estimate a job. The last event but one is ``estimate``; on an error the last is ``failed``.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    with tempfile.TemporaryDirectory(prefix="estimate-") as directory:
        out = Path(directory)
        return run_to_end(lambda signals: _Estimate(options, events, out).run(signals), events, out)


class _Estimate:
    def __init__(self, options: Options, events: Events, directory: Path) -> None:
        self._options = options
        self._events = events
        self._directory = directory
        self._told_at = 0.0
        self._teacher: TeacherCheckpoint | None = None

    def run(self, signals: StopSignals) -> None:
        job = self._taught(load_spec(self._options.spec))
        if self._options.threads is not None:
            torch.set_num_threads(self._options.threads)
        make_deterministic()
        keep_freed_memory()
        place = choose_place(job.resources.device, job.training.precision)
        self._events.emit("started", pid=os.getpid(), **environment_of(place), resumed_from_step=0, steps=0)
        try:
            self._try(job, place, signals)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise out_of_memory(place.device, job.training, error) from error
            raise

    def _taught(self, job: JobSpec) -> JobSpec:
        """The job with what its teacher decides in it."""
        self._teacher = find_teacher(job, self._options.teacher, weights=False)
        if self._teacher is None:
            return job
        job = completed(job, self._teacher.job)
        require_fit(job, self._teacher)
        return job

    def _hooks(self, job: JobSpec, data: Prepared, objective: Objective, place: Place) -> Hooks:
        """The additions to the loop that take time: the teacher, here with random weights, unless its outputs are computed before."""
        if self._teacher is None or (job.distillation is not None and job.distillation.cache is not None):
            return Hooks()
        directory = self._directory / "teacher"
        directory.mkdir()
        teacher = open_teacher(job, self._teacher, data, directory, weights=False)
        return Hooks(objective, [distilling(job, objective, teacher, place.device)])

    def _try(self, job: JobSpec, place: Place, signals: StopSignals) -> None:
        options, events = self._options, self._events
        began = time.perf_counter()
        data, scale = self._prepare(job)
        # Fields that are auto are decided in the same way as in the job.
        decisions = Decisions(events, self._directory, fingerprint(job))
        job, place = settle(job, data, place, decisions, scale=scale)
        job = _at_last_stage(job)
        environment = environment_of(place)
        objective = create_objective(job, data)
        samples, held_out = objective.samples("train"), objective.samples("held_out")
        samples.require(job.training.sequences_per_step)
        held_out.require(1)
        objective.to(place.device)
        optimizers = create_optimizers(job.training.optimizer, objective)
        decay = job.training.ema_decay
        preparation = time.perf_counter() - began
        events.emit(
            "prepared",
            **data.facts,
            parameters=objective.parameter_count,
            trainable_parameters=objective.trainable_parameter_count,
        )
        training = job.training.model_copy(update={"steps": max(job.training.total_steps, _ENOUGH_STEPS)})
        world = World()
        with ExitStack() as stack:
            batches = stack.enter_context(BatchStream(objective, samples, training, world))
            hooks = self._hooks(job, data, objective, place)
            flops = flops_per_step(objective, batches.make(1), place, hooks)
            if training.compile:
                compile_or_fall_back(objective, batches.make(1)[0], place, events)
            writer = CheckpointWriter(
                self._directory,
                bundle=objective.stored,
                before_publishing=lambda: None,
                events=events,
                retention=training.retention,
                spec_sha256=fingerprint(job),
                data_key=data.key,
            )
            run = Run(
                directory=self._directory,
                training=training,
                objective=objective,
                optimizers=optimizers,
                samples=samples,
                held_out=held_out,
                batches=batches,
                place=place,
                world=world,
                events=events,
                checkpoints=stack.enter_context(writer),
                stop=signals,
                state={},
                average=None if decay is None else ExponentialMovingAverage(objective, decay),
                hooks=hooks,
            )
            reset_peak(place.device)
            timing = time_steps(run, self._timed)
            peak_memory = peak_bytes(place.device)
            evaluation = _evaluation_seconds(run)
        largest = None
        if options.largest_batch:
            limit = options.memory_bytes or device_bytes(place.device)
            part = training.sequences_per_step // training.accumulation_steps
            largest = asdict(largest_batch(objective, samples, place, start=part, limit_bytes=limit))
        peak = device_peak(place)
        events.emit(
            "estimate",
            **{name: environment[name] for name in ("device", "device_name", "threads", "precision")},
            parameters=objective.parameter_count,
            trainable_parameters=objective.trainable_parameter_count,
            steps_timed=len(timing.seconds),
            step_seconds={
                "median": timing.median,
                "low": timing.quantile(_LOW),
                "high": timing.quantile(_HIGH),
            },
            samples_per_s=timing.samples / timing.seconds.sum(),
            tokens_per_s=timing.tokens / timing.seconds.sum() if timing.tokens else None,
            peak_memory_bytes=peak_memory,
            largest_batch=largest,
            eta=_eta(job, timing, preparation, evaluation),
            flops_per_step=flops,
            peak=asdict(peak),
            utilization=flops / timing.median / peak.flops_per_s,
            evaluation_seconds=evaluation,
            preparation_seconds=preparation,
            data_sampled=scale > 1.0,
            steps=job.training.total_steps,
            steps_per_epoch=scale * len(samples) / job.training.sequences_per_step,
        )

    def _prepare(self, job: JobSpec) -> tuple[Prepared, float]:
        """The prepared data, and how many times as large as it the dataset is: above 1 where it is only a part."""
        files = data_files(
            self._options.data, job.task.modality, self._options.reading, self._options.digests.data
        )
        cache = self._options.cache or self._directory / "cache"
        scale = 1.0
        # A sample holds only texts, without their labels.
        plain = job.task.modality == "text" and job.task.text_labels is None
        sampled = plain and _bytes_of(files) > WHOLE_BYTES
        if sampled:
            directory = self._directory / "sample"
            directory.mkdir()
            whole = _bytes_of(files)
            files, cache = sample_text(files, job.data, directory), self._directory / "cache"
            scale = max(1.0 + 1e-9, whole / max(1, _bytes_of(files)))

        def progress(phase: str, done: int, total: int | None, unit: str) -> None:
            self._events.emit("progress", phase=phase, done=done, total=total, unit=unit)

        return prepare_for(job, files, cache, on_progress=progress, start=self._start), scale

    @property
    def _start(self) -> Path | None:
        """The checkpoint that the tokenizer is read from, if the job takes one."""
        return self._options.start or (None if self._teacher is None else self._teacher.path)

    def _timed(self, share: float) -> None:
        now = time.monotonic()
        if now - self._told_at > _TELL_SECONDS:
            self._told_at = now
            self._events.emit("progress", phase="timing", done=round(100 * share), total=100, unit="percent")


def _at_last_stage(job: JobSpec) -> JobSpec:
    """The job with everything trained from its first step on that it trains at its end: then a step takes longest."""
    if not isinstance(job.adaptation, Gradual):
        return job
    last = job.adaptation.unfreeze[-1].model_copy(update={"step": 0})
    return job.model_copy(update={"adaptation": Gradual(unfreeze=(last,))})


def _bytes_of(files: list[DataFile]) -> int:
    return sum(file.path.stat().st_size for file in files)


def _evaluation_seconds(run: Run) -> float:
    """Seconds of one evaluation of the job: a small evaluation is timed, after one for the warm-up."""
    wanted = min(run.training.evaluation_sequences, len(run.held_out))
    timed = min(wanted, _EVALUATED)
    run.training = run.training.model_copy(update={"evaluation_sequences": timed})
    evaluate(run)
    started = time.perf_counter()
    evaluate(run)
    return (time.perf_counter() - started) * wanted / timed


def _eta(job: JobSpec, timing: Timing, preparation: float, evaluation: float) -> dict[str, float]:
    """Seconds of the whole job: at the mean step time, and at the times of the fast and of the slow steps."""
    training, steps = job.training, job.training.total_steps
    evaluations = 1 + (steps - 1) // training.evaluate_every if training.evaluate_every else 1
    around = preparation + evaluations * evaluation
    mean = float(timing.seconds.mean())
    return {
        "seconds": around + steps * mean,
        "low": around + steps * min(mean, timing.quantile(_LOW)),
        "high": around + steps * max(mean, timing.quantile(_HIGH)),
    }
