"""The command ``run``: prepares the data, builds or restores the networks, trains, and reports how the run ended."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch

from core.checkpoints.bundle import read_hooks
from core.checkpoints.resume import Origin, find_origin, fingerprint, recorded, run_directory
from core.checkpoints.start import EncoderStart, find_start
from core.checkpoints.writer import CheckpointWriter
from core.commands.beginning import Beginning
from core.commands.digests import Digests
from core.commands.endings import report_failure, stop_at_once
from core.commands.settling import environment_of, load_spec, settle
from core.continual.classes import InCommon, in_common, with_classes_of
from core.continual.earlier import EarlierData, prepare_earlier
from core.continual.measuring import Prepare, StageMeasures
from core.continual.methods import Methods
from core.data import Prepared, data_files, prepare_for
from core.data.files import ReadingByName
from core.data.text import PreparedText
from core.distillation.cache import identity_of, kept_outputs
from core.distillation.hook import distilling
from core.distillation.teacher import Teacher, TeacherCheckpoint, find_teacher, open_teacher, require_fit
from core.distributed.world import World
from core.errors import PAUSED, STOPPED, EngineError
from core.events import Events, MetricsFile
from core.objectives.base import Objective
from core.objectives.hooks import Hook, Hooks
from core.process import keep_freed_memory
from core.spec.distillation_rules import completed
from core.spec.job import JobSpec
from core.training.batches import BatchStream
from core.training.cadence import Cadence, Limits
from core.training.compilation import compile_or_fall_back
from core.training.decisions import Decisions
from core.training.devices import Place, choose_place, make_deterministic
from core.training.early_stopping import EarlyStopping
from core.training.ema import ExponentialMovingAverage
from core.training.loop import Run, train
from core.training.memory import is_out_of_memory, out_of_memory
from core.training.optimizers import create_optimizers
from core.training.signals import StopSignals


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    spec: Path
    data: tuple[Path, ...]
    out: Path
    cache: Path | None = None
    resume: Path | None = None
    start: Path | None = None
    """The checkpoint that the spec's ``start`` is about, for a run without one of its own."""
    earlier: Mapping[str, EarlierData] = field(default_factory=dict)
    """The data of the spec's ``continual.ancestors``, by job."""
    teacher: Path | None = None
    """The checkpoint that the spec's ``distillation`` is about."""
    fresh: bool = False
    threads: int | None = None
    decided: Mapping[str, Any] = field(default_factory=dict)
    """Choices of an earlier attempt at this run for fields that are ``auto`` in the spec."""
    limits: Limits = field(default_factory=Limits)
    """Upper limits on how often checkpoints and measures are written."""
    reading: ReadingByName = field(default_factory=dict)
    digests: Digests = field(default_factory=Digests)


def run(options: Options, events: Events) -> int:
    """Execute a whole run. The last event is ``finished`` or ``failed``.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    session = _Session(options, events)
    try:
        with StopSignals() as stop:
            return session.run(stop)
    except Exception as error:  # noqa: BLE001 - the last event must report every kind of error
        return report_failure(error, events, options.out, session.step)


class _Session:
    """The state of a run. ``step`` is the last step that was reached, for the report of a failure."""

    def __init__(self, options: Options, events: Events) -> None:
        self._options = options
        self._events = events
        self._run: Run | None = None
        self._first_step = 0
        self._encoder: EncoderStart | None = None
        self._forked = False
        self._teacher: Teacher | None = None

    @property
    def step(self) -> int:
        return self._run.step if self._run else self._first_step

    def run(self, stop: StopSignals) -> int:
        options, events = self._options, self._events
        with ExitStack() as stack:
            with stop.at_once(self._stop_while_preparing):
                job, checkpoint = self._taught(load_spec(options.spec))
                stack.enter_context(run_directory(options.out))
                decisions = Decisions(events, options.out, fingerprint(job))
                place, origin = self._start(job, decisions)
                stack.enter_context(_explain_out_of_memory(place, job))
                common = self._prepare_in_common(job, origin or self._encoder or checkpoint, stack)
                data = common.data
                asked, (job, place) = job, settle(job, data, place, decisions)
                self._require_more_steps(job)
                if checkpoint is not None:
                    self._teacher = open_teacher(job, checkpoint, data, self._scratch(".teacher", stack))
                objective, optimizers, average = self._build(job, common, place, origin)
                methods = Methods.of(job, common, objective, place, events, self._progress)
                own = self._hooks(job, common, objective, place, methods.prepare)
                taught = self._distilling(job, common, objective, place, checkpoint)
                hooks = Hooks(objective, [*taught, *methods.hooks, *own])
                if origin is not None and not self._forked:
                    hooks.restore(read_hooks(origin.path))
                elif (start := origin or self._encoder) is not None:
                    methods.begin(start.path)
                replayed = methods.replayed()
            training, world = job.training, World()
            metrics = MetricsFile(options.out / "metrics.jsonl", self._first_step)
            stack.callback(metrics.close)
            events.add(metrics)
            samples = objective.samples("train")
            batches = stack.enter_context(BatchStream(objective, samples, training, world, replayed))
            if training.compile and self._first_step < training.total_steps:
                compile_or_fall_back(objective, batches.make(self._first_step + 1)[0], place, events)
            writer = CheckpointWriter(
                options.out,
                bundle=objective.stored,
                before_publishing=metrics.flush,
                events=events,
                retention=training.retention,
                spec_sha256=fingerprint(asked),
                data_key=data.key,
            )
            self._run = Run(
                directory=options.out,
                training=training,
                objective=objective,
                optimizers=optimizers,
                samples=samples,
                held_out=objective.samples("held_out"),
                batches=batches,
                place=place,
                world=world,
                events=events,
                checkpoints=stack.enter_context(writer),
                stop=stop,
                state={
                    "spec": recorded(asked),
                    "environment": environment_of(place),
                    "decisions": decisions.choices,
                },
                cadence=Cadence(options.limits, warn=events.warn),
                average=average,
                early_stopping=EarlyStopping.resumed(
                    training.early_stopping, origin.early_stopping if origin else None
                ),
                hooks=hooks,
                step=self._first_step,
                values=dict(origin.manifest.metrics) if origin else {},
            )
            ending = train(self._run)
        values = {name: value for name, value in self._run.values.items() if name.startswith("eval/")}
        events.emit("finished", step=self._run.step, reason=ending, values=values)
        return {"completed": 0, "stopped": STOPPED, "paused": PAUSED}[ending]

    def _taught(self, job: JobSpec) -> tuple[JobSpec, TeacherCheckpoint | None]:
        """The job with what its teacher decides in it, and the teacher, if it has one."""
        checkpoint = find_teacher(job, self._options.teacher, self._options.digests.teacher)
        if checkpoint is None:
            return job, None
        job = completed(job, checkpoint.job)
        require_fit(job, checkpoint)
        return job, checkpoint

    def _start(self, job: JobSpec, decisions: Decisions) -> tuple[Place, Origin | None]:
        options, events = self._options, self._events
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        make_deterministic()
        keep_freed_memory()
        origin = find_origin(
            options.out,
            job,
            resume=options.resume,
            fresh=options.fresh,
            events=events,
            digests=options.digests.checkpoint,
        )
        if origin is None:
            start = find_start(job, options.start, options.digests.checkpoint)
            origin = start if isinstance(start, Origin) else None
            self._forked = origin is not None
            self._encoder = start if isinstance(start, EncoderStart) else None
        if options.fresh:
            decisions.forget()
        earlier = origin.decisions if origin else {}
        decisions.adopt(job, earlier, options.decided, decisions.read())
        place = choose_place(job.resources.device, decisions.apply(job).training.precision)
        self._first_step = origin.manifest.step if origin else 0
        environment = environment_of(place)
        events.emit(
            "started",
            pid=os.getpid(),
            **environment,
            resumed_from_step=self._first_step,
            steps=decisions.apply(job).training.steps,
        )
        if origin and origin.environment != environment:
            events.warn(
                "environment_changed",
                f"The checkpoint was written with {_changes(origin.environment, environment)}; the run goes on, but "
                "its numbers will differ from an uninterrupted run's in the last bits.",
                before=origin.environment,
                now=environment,
            )
        return place, origin

    def _prepare(self, job: JobSpec, start: Origin | EncoderStart | TeacherCheckpoint | None) -> Prepared:
        options = self._options
        cache = options.cache or options.out / "cache"
        return prepare_for(
            job,
            data_files(options.data, job.task.modality, options.reading, options.digests.data),
            cache,
            on_progress=self._progress,
            start=start.path if start else None,
        )

    def _progress(self, phase: str, done: int, total: int | None, unit: str) -> None:
        self._events.emit("progress", phase=phase, done=done, total=total, unit=unit)

    def _prepare_in_common(
        self, job: JobSpec, start: Origin | EncoderStart | TeacherCheckpoint | None, stack: ExitStack
    ) -> InCommon:
        """The data of the job, and for a job with ``continual`` those of the earlier stages."""
        options = self._options
        data = self._prepare(job, start)
        if start is None:
            return InCommon(data)
        if job.continual is None:
            takes_head = isinstance(start, Origin) or (
                isinstance(start, EncoderStart) and start.scope in {"all", "weights"}
            )
            if not takes_head:
                return InCommon(data)
            return InCommon(with_classes_of(job, data, start.path, self._scratch(".classes", stack)))
        stages = prepare_earlier(
            job,
            options.earlier,
            options.cache or options.out / "cache",
            on_progress=self._progress,
            start=start.path,
        )
        return in_common(job, data, stages, start.path, self._scratch(".stages", stack))

    def _scratch(self, name: str, stack: ExitStack) -> Path:
        """An empty folder in the run directory, removed at the end."""
        scratch = self._options.out / name
        shutil.rmtree(scratch, ignore_errors=True)  # of an attempt that was killed
        scratch.mkdir()
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        return scratch

    def _distilling(
        self,
        job: JobSpec,
        common: InCommon,
        objective: Objective,
        place: Place,
        checkpoint: TeacherCheckpoint | None,
    ) -> list[Hook]:
        """What distillation adds to the loop. A teacher whose outputs are kept is not needed any more."""
        teacher = self._teacher
        if teacher is None or checkpoint is None:
            return []
        kept = None
        if job.distillation is not None and job.distillation.cache is not None:
            kept = kept_outputs(
                job,
                objective,
                teacher.to(place.device).logits,
                place,
                self._options.cache or self._options.out / "cache",
                identity=(
                    identity_of(checkpoint.path),
                    common.data.key,
                    *getattr(common.data, "classes", ()),
                ),
                events=self._events,
                on_progress=self._progress,
            )
            self._teacher = None
        return [distilling(job, objective, teacher, place.device, kept)]

    def _hooks(
        self, job: JobSpec, common: InCommon, objective: Objective, place: Place, prepare: Prepare | None
    ) -> list[Hook]:
        """What is added to the loop, in order; the measurement of the stages is the last, so that it is of the final weights."""
        hooks: list[Hook] = []
        if job.continual is not None:
            measures = StageMeasures(job, common, objective, place, self._events, prepare)
            if self._first_step == 0 or self._forked:
                measures.before()
            hooks.append(measures)
        return hooks

    def _build(
        self, job: JobSpec, common: InCommon, place: Place, origin: Origin | None
    ) -> tuple[Objective, dict[str, torch.optim.Optimizer], ExponentialMovingAverage | None]:
        data, beginning = common.data, Beginning(origin, self._encoder, self._teacher)
        objective, average = beginning.objective(job, common, place.device, self._events)
        optimizers = create_optimizers(job.training.optimizer, objective)
        self._warn_of_labels(data)
        samples = len(objective.samples("train"))
        self._events.emit(
            "prepared",
            **data.facts,
            parameters=objective.parameter_count,
            trainable_parameters=objective.trainable_parameter_count,
            samples=samples,
            steps=job.training.total_steps,
            steps_per_epoch=samples / job.training.sequences_per_step,
        )
        if not origin:
            for notice in objective.notices():
                self._events.warn(notice.code, notice.message, **notice.params)
        if origin:
            objective.begin_step(origin.manifest.step)
            origin.restore_optimizers(optimizers)
        return objective, optimizers, average

    def _warn_of_labels(self, data: Prepared) -> None:
        facts = data.label_facts if isinstance(data, PreparedText) else None
        if facts is None or not facts.conflicts:
            return
        first = facts.conflicts_at[0]
        self._events.warn(
            "labels_conflict",
            f"{facts.conflicts:,} texts are left out because an earlier one is equal and has another label, such as {first}.",
            conflicts=facts.conflicts,
            first=first,
        )

    def _require_more_steps(self, job: JobSpec) -> None:
        """
        Raises:
            EngineError: ``spec_invalid``: the checkpoint of another job that the run goes on from has all its steps.
        """
        steps, step = job.training.total_steps, self._first_step
        if self._forked and steps <= step:
            raise EngineError(
                "spec_invalid",
                f"The run has {steps:,} steps, and the checkpoint that it starts from is at step {step:,} already.",
                "Ask for more epochs or steps; with start.scope encoder a run begins at step 0.",
                case="steps_done",
                steps=steps,
                checkpoint_step=step,
            )

    def _stop_while_preparing(self) -> NoReturn:
        stop_at_once(self._events, self._first_step)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {before.get(key)} (now {now[key]})" for key in now if before.get(key) != now[key]
    )


@contextmanager
def _explain_out_of_memory(place: Place, job: JobSpec) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise out_of_memory(place.device, job.training, error) from error
        raise
