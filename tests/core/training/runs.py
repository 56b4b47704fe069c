"""A `Run` in this process, made from a spec and some files."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from core.checkpoints.writer import CheckpointWriter
from core.data import data_files, prepare_for
from core.distributed.world import World
from core.events import Event, Events
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream
from core.training.devices import choose_place
from core.training.ema import ExponentialMovingAverage
from core.training.loop import Run
from core.training.optimizers import create_optimizers
from core.training.signals import StopSignals


class Told(list[dict[str, Any]]):
    """A sink that remembers events."""

    def __call__(self, event: Event) -> None:
        self.append(dict(event))

    def steps_of(self, metric: str) -> list[int]:
        """The steps at which a metric was logged."""
        return [one["step"] for one in self if one["event"] == "metrics" and metric in one["values"]]


@contextmanager
def open_run(
    document: dict[str, Any], data: Path, directory: Path, cache: Path
) -> Iterator[tuple[Run, Told]]:
    """A run before its first step, and its events."""
    job = validate(document)
    prepared = prepare_for(job, data_files([data], job.task.modality), cache)
    objective = create_objective(job, prepared)
    training, samples, told = job.training, objective.samples("train"), Told()
    events = Events(told)
    with ExitStack() as stack:
        writer = CheckpointWriter(
            directory,
            bundle=objective.stored,
            before_publishing=lambda: None,
            events=events,
            retention=training.retention,
            spec_sha256="0" * 64,
            data_key=prepared.key,
        )
        yield (
            Run(
                directory=directory,
                training=training,
                objective=objective,
                optimizers=create_optimizers(training.optimizer, objective),
                samples=samples,
                held_out=objective.samples("held_out"),
                batches=stack.enter_context(BatchStream(objective, samples, training, World())),
                place=choose_place("cpu", training.precision),
                world=World(),
                events=events,
                checkpoints=stack.enter_context(writer),
                stop=StopSignals(),
                state={},
                average=None
                if training.ema_decay is None
                else ExponentialMovingAverage(objective, training.ema_decay),
            ),
            told,
        )
