"""The training loop.

Each step takes the batch, accumulates the gradients of its micro-batches, divides once by the batch's number of
predicted terms, clips the gradient and updates the parameters. All randomness is a function of (seed, step, sample),
so an interruption does not change a run's numbers.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.checkpoints.optimizer_state import state_of
from core.checkpoints.retention import is_kept_permanently
from core.checkpoints.writer import CheckpointWriter, Snapshot, copy_to_host
from core.data import Samples
from core.distributed.world import World
from core.events import Events
from core.objectives.base import Batch, Objective, Phase
from core.objectives.hooks import Hooks
from core.randomness import seed_torch
from core.spec.training import TrainingSpec
from core.training.batches import BatchStream
from core.training.cadence import Cadence
from core.training.devices import Place
from core.training.divergence import DivergenceCheck
from core.training.early_stopping import EarlyStopping
from core.training.ema import ExponentialMovingAverage
from core.training.memory import memory_mb
from core.training.optimizers import set_learning_rate
from core.training.probing import CollapseAlarm, examine, spread
from core.training.samples import write_shown
from core.training.schedules import learning_rate_factor
from core.training.signals import StopSignals

_SAMPLES_SHOWN = 16


@dataclass
class Run:
    """The state of a training loop."""

    directory: Path
    training: TrainingSpec
    objective: Objective
    optimizers: Mapping[str, torch.optim.Optimizer]
    samples: Samples
    """The training split."""
    held_out: Samples
    batches: BatchStream
    place: Place
    world: World
    events: Events
    checkpoints: CheckpointWriter
    stop: StopSignals
    state: Mapping[str, object]
    """Facts about this run that a checkpoint stores besides its tensors."""
    cadence: Cadence = field(default_factory=Cadence)
    """Limits how often checkpoints and measures are written."""
    average: ExponentialMovingAverage | None = None
    """The weights' moving average, if the spec asks for one."""
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    """Ends the run before its last step, if the spec asks for that."""
    hooks: Hooks = field(default_factory=Hooks)
    """What is added to the task's own loss."""
    step: int = 0
    """Steps done so far."""
    values: dict[str, float] = field(default_factory=dict)
    """The latest value of each measure."""


Ending = Literal["completed", "stopped", "paused"]
"""Why training ended: the last step was done or early stopping ended it, a graceful stop was requested, or ``on_collapse: pause`` applied."""


def train(run: Run) -> Ending:
    """Train from ``run.step`` on until the last step or until a stop is requested."""
    training = run.training
    health = DivergenceCheck(run.place.device, run.batches)
    meter = Meter(run)
    alarm = CollapseAlarm(run.events)
    reported: set[str] = set()
    saved_at = time.monotonic()
    run.objective.train()
    # A run that was interrupted after its last checkpoint and before it reported its end has no step to do.
    final = run.step if run.early_stopping.is_over else training.total_steps
    for step in range(run.step + 1, final + 1):
        run.step, last = step, step == training.total_steps
        parts = run.batches.take(step)
        done = optimize(run, parts)
        health.note(step, done.loss, done.gradient_norm)
        meter.count(parts)
        run.checkpoints.check()
        stopping = run.stop.requested

        logs = step == 1 or step % training.log_every == 0 or last
        evaluates = last or _due(step, training.evaluate_every)
        saves = stopping or last or _checkpoint_due(run, saved_at)
        if logs or evaluates or saves:
            health.check()
        probes = last or _due(step, training.probe_every or training.evaluate_every)
        tells = last or ((logs or evaluates or probes) and run.cadence.allows_point())
        if logs and tells:
            report(
                run,
                {
                    "train/loss": done.loss.item(),
                    **{f"train/{name}": value.item() for name, value in done.named.items()},
                    "train/learning_rate": done.learning_rate,
                    "train/gradient_norm": done.gradient_norm.item(),
                    **meter.read(),
                },
            )
        worrying = improved = False
        if evaluates:
            worrying, improved = _evaluated(run, reported, tells=tells)
            meter.restart()
        over = run.early_stopping.is_over and not last
        pausing = worrying and training.on_collapse == "pause" and not last
        if probes:
            collapsed = alarm.observe(probe(run, tells=tells), step)
            pausing |= collapsed and training.on_collapse == "pause" and not last
            meter.restart()
        finish(run, over=last or over)
        saves |= over or (improved and run.cadence.allows_checkpoint(stays=_stays(run)))
        if saves or pausing:
            save(run)
            saved_at = time.monotonic()
        if stopping and not last:
            return "stopped"
        if pausing:
            return "paused"
        if over:
            break
    run.early_stopping.report(run.events, run.step, training.total_steps)
    return "completed"


def _evaluated(run: Run, reported: set[str], *, tells: bool) -> tuple[bool, bool]:
    """Evaluate, and report what there is to see.

    Args:
        reported: Codes of the concerns that were reported at the evaluation before; replaced by those of this one.

    Returns:
        Whether there is a concern, and whether the measure of early stopping is the best so far.
    """
    values = evaluate(run)
    report(run, values, tells=tells)
    concerns = {concern.code: concern for concern in run.objective.concerns(values)}
    for code in concerns.keys() - reported:
        run.events.warn(code, concerns[code].message, **concerns[code].params)
    reported.clear()
    reported.update(concerns)
    show(run, tells=tells)
    show_reports(run, tells=tells)
    return bool(concerns), run.early_stopping.observe(values, run.step)


@dataclass(frozen=True, slots=True)
class StepDone:
    """The results of one optimiser step; scalars stay on the device until they are read."""

    loss: Tensor
    """The loss, mean over the batch's terms."""
    named: Mapping[str, Tensor]
    """The loss's components, likewise means, where the objective names them."""
    gradient_norm: Tensor
    """Global gradient norm before clipping."""
    learning_rate: float


def optimize(run: Run, parts: list[Batch]) -> StepDone:
    """One optimiser step on a batch given as micro-batches (gradient accumulation)."""
    training, step = run.training, run.step
    run.objective.begin_step(step)
    learning_rate = training.optimizer.learning_rate * learning_rate_factor(
        training.schedule, step, training.total_steps
    )
    done = [
        _optimize_phase(run, parts, phase, number, learning_rate)
        for number, phase in enumerate(run.objective.phases())
    ]
    run.objective.after_step(step)
    if run.average:
        run.average.update(step)
    if len(done) == 1:
        return done[0]
    named = {name: value for phase in done for name, value in phase.named.items()}
    norms = torch.stack([phase.gradient_norm for phase in done])
    loss = torch.stack([phase.loss for phase in done]).sum()
    return StepDone(loss, named, torch.linalg.vector_norm(norms), learning_rate)


def _optimize_phase(
    run: Run, parts: list[Batch], phase: Phase, number: int, learning_rate: float
) -> StepDone:
    """Accumulates the gradients of all micro-batches, then does one step of the phase's optimisers."""
    training, step, device = run.training, run.step, run.place.device
    count = sum(part.count for part in parts)
    total = torch.zeros((), device=device)
    named: dict[str, Tensor] = {}
    purpose = ("dropout", number) if number else ("dropout",)
    for part_number, part in enumerate(parts):
        seed_torch(training.seed, *purpose, step, part_number, run.world.rank)
        with run.place.autocast():
            losses = run.hooks.losses(phase, part.to(device))
        (losses.total / count).backward()  # type: ignore[no-untyped-call]
        total += losses.total.detach()
        for name, value in losses.named.items():
            named[name] = named[name] + value if name in named else value
    means = {name: value / count for name, value in named.items()}
    mean = total / count
    if penalties := run.hooks.penalty():
        penalty = torch.stack(list(penalties.values())).sum()
        penalty.backward()  # type: ignore[no-untyped-call]
        mean = mean + penalty.detach()
        means |= {name: value.detach() for name, value in penalties.items()}
    run.hooks.after_backward()
    limit = training.gradient_clip if training.gradient_clip is not None else float("inf")
    norm = torch.nn.utils.clip_grad_norm_(run.objective.parameters(), limit)
    for name, optimizer in run.optimizers.items():
        # One set of parameters may have two optimisers: ``<name>.adamw`` beside Muon's ``<name>``.
        if name.partition(".")[0] not in phase.optimizers:
            continue
        set_learning_rate(optimizer, learning_rate)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return StepDone(mean, means, norm, learning_rate)


def evaluate(run: Run) -> dict[str, float]:
    """Measures on the held-out split, also with the averaged weights if the run keeps them."""
    values = _evaluate(run)
    if run.average:
        with run.average.in_place():
            averaged = _evaluate(run)
        values |= {name.replace("eval/", "eval/ema_", 1): value for name, value in averaged.items()}
    return values


def _evaluate(run: Run) -> dict[str, float]:
    part = run.training.sequences_per_step // run.training.accumulation_steps
    run.objective.eval()
    with torch.no_grad(), run.place.autocast():
        values = run.objective.evaluate(run.held_out, held_out_indices(run), part)
    run.objective.train()
    return values


def show(run: Run, *, tells: bool = True) -> None:
    """Write the network's outputs for the first few evaluated held-out samples, for people, if `tells`."""
    if not tells:
        return
    run.objective.eval()
    with torch.no_grad(), run.place.autocast():
        shown = run.objective.show(run.held_out, held_out_indices(run)[:_SAMPLES_SHOWN])
    run.objective.train()
    write_shown(run.directory, run.step, shown, run.events)


def show_reports(run: Run, *, tells: bool = True) -> None:
    """Write tables and pictures of the evaluation, if `tells`."""
    if not tells:
        return
    part = run.training.sequences_per_step // run.training.accumulation_steps
    run.objective.eval()
    with torch.no_grad(), run.place.autocast():
        shown = run.objective.reports(run.held_out, held_out_indices(run), part)
    run.objective.train()
    write_shown(run.directory, run.step, shown, run.events)


def probe(run: Run, *, tells: bool = True) -> dict[str, float]:
    """Measures of the representation, if the task learns one; reported if there are any."""
    run.objective.eval()
    with torch.no_grad(), run.place.autocast():
        values = examine(run.objective, run.samples, run.held_out, held_out_indices(run), run.training)
    run.objective.train()
    if values:
        report(run, values, tells=tells)
    return values


def finish(run: Run, *, over: bool) -> None:
    """What the run's additions do after the last step, if it is ``over``; part of the last checkpoint."""
    if not over:
        return
    run.objective.eval()
    run.hooks.finish()
    run.objective.train()


def held_out_indices(run: Run) -> NDArray[np.int64]:
    """Which held-out samples are evaluated: spread evenly over the split, the same each time."""
    return spread(run.training.evaluation_sequences, len(run.held_out))


def save(run: Run) -> None:
    """Copy the run's state; the checkpoint is written from the copy while training continues."""
    weights = run.objective.state_dict()
    run.checkpoints.join()
    snapshot = Snapshot(
        step=run.step,
        weights=copy_to_host(weights),
        averaged=copy_to_host(run.average.state(weights)) if run.average else None,
        optimizer=copy_to_host(state_of(run.optimizers)),
        hooks=copy_to_host(run.hooks.tensors()),
        state={**run.state, "step": run.step, **run.early_stopping.kept},
        metrics={
            name: value
            for name, value in run.values.items()
            if name.startswith("eval/") or name == run.training.retention.keep_best
        },
    )
    run.checkpoints.save(snapshot)
    run.cadence.saved(snapshot.bytes, stays=_stays(run))


def _checkpoint_due(run: Run, saved_at: float) -> bool:
    seconds = run.training.checkpoint_every_seconds
    due = _due(run.step, run.training.checkpoint_every)
    due = due or (seconds is not None and time.monotonic() - saved_at >= seconds)
    return due and run.cadence.allows_checkpoint(stays=_stays(run))


def _stays(run: Run) -> bool:
    return is_kept_permanently(run.step, run.training.retention)


def report(run: Run, values: dict[str, float], *, tells: bool = True) -> None:
    """Store the values of this step, and report them unless `tells` is false."""
    run.values.update(values)
    if tells:
        run.events.emit("metrics", step=run.step, values=values)


class Meter:
    """Throughput between two metric points, without the time of evaluations."""

    def __init__(self, run: Run) -> None:
        self._device = run.place.device
        self._batches = run.batches
        self._size = run.world.size
        self.restart()

    def restart(self) -> None:
        """Measure from now on."""
        self._samples = self._tokens = 0
        self._since, self._waited = time.perf_counter(), self._batches.seconds_waited

    def count(self, parts: list[Batch]) -> None:
        """Count a batch that was trained on."""
        self._samples += sum(part.samples for part in parts)
        self._tokens += sum(part.tokens for part in parts)

    def read(self) -> dict[str, float]:
        """The rates since the last reading."""
        seconds = time.perf_counter() - self._since
        values = {
            "train/samples_per_s": self._size * self._samples / seconds,
            "train/tokens_per_s": self._size * self._tokens / seconds,
            "train/data_wait_fraction": (self._batches.seconds_waited - self._waited) / seconds,
            "system/memory_mb": memory_mb(self._device),
        }
        self.restart()
        return values


def _due(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0
