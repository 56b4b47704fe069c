"""What is measured of the stages: each one's held-out part, before and after a stage is learned."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from core.continual.classes import InCommon
from core.continual.earlier import Stage
from core.data import Prepared
from core.events import Events
from core.objectives.base import Objective
from core.objectives.hooks import Hook
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.devices import Place
from core.training.probing import spread

OWN = "self"
"""In place of a job's id: the stage that is learned now."""

Moment = Literal["fresh", "start", "end"]
"""With which weights: freshly initialised ones, those that the stage starts from, or those that it ends with."""


Prepare = Callable[[Objective, str | None], object]


class StageMeasures(Hook):
    """Reports events ``stage_measured``: the values of ``Objective.evaluate`` on a stage's held-out part.

    Args:
        job: With every ``auto`` decided.
        data: Of the stage that is learned, and of the earlier ones.
        objective: Of the run.
        prepare: Called at the end with an objective that has the run's weights and the job of an earlier stage, or None for the
            run's own stage, before it is measured; it may change the weights.
    """

    name: ClassVar[str] = "measures"

    def __init__(  # noqa: PLR0917 - what a run is made of
        self,
        job: JobSpec,
        data: InCommon,
        objective: Objective,
        place: Place,
        events: Events,
        prepare: Prepare | None = None,
    ) -> None:
        self._prepare = prepare
        self._job = job
        self._data = data
        self._objective = objective
        self._place = place
        self._events = events

    def before(self) -> None:
        """Measure the stage's own held-out part before its first step, for the forward transfer."""
        fresh = reading(self._job, self._data.data, self._data.among).to(self._place.device)
        self._report(OWN, "fresh", self._evaluate(self._job, fresh))
        del fresh
        self._report(OWN, "start", self._evaluate(self._job, self._objective))

    def finish(self) -> None:
        """Measure every stage."""
        weights = self._objective.state_dict()
        own = self._objective
        if self._prepare is not None:
            own = reading(self._job, self._data.data, self._data.among)
            own.load_state_dict(weights)
            own.restored()
            self._prepare(own.to(self._place.device), None)
        self._report(OWN, "end", self._evaluate(self._job, own))
        for stage in self._data.stages:
            values = measured_on(stage, weights, self._place, self._job, self._prepare)
            self._report(stage.ancestor.job, "end", values)

    def _report(self, of: str, when: Moment, values: Mapping[str, float]) -> None:
        self._events.emit("stage_measured", of=of, when=when, values=dict(values))

    def _evaluate(self, job: JobSpec, objective: Objective) -> dict[str, float]:
        return evaluated(job, objective, self._place)


def reading(job: JobSpec, data: Prepared, among: Sequence[int] | None) -> Objective:
    """A fresh objective that reads a stage's data.

    Args:
        among: The classes among which the answers of its samples are. None: all.
    """
    objective = create_objective(job, data)
    if among is not None:
        objective.answer_among(among)
    return objective


def measured_on(
    stage: Stage,
    weights: Mapping[str, Tensor],
    place: Place,
    settled: JobSpec,
    prepare: Prepare | None = None,
) -> dict[str, float]:
    """`evaluated` with given weights on the data of an earlier stage.

    Args:
        weights: A ``state_dict()`` of the objective of ``settled``.
        settled: The job that is run, with every ``auto`` decided.
        prepare: As of `StageMeasures`.
    """
    as_run = settled.model_copy(update={"data": stage.job.data})
    objective = reading(as_run, stage.data, stage.among)
    objective.load_state_dict(weights)
    objective.restored()
    objective.to(place.device)
    if prepare is not None:
        prepare(objective, stage.ancestor.job)
    return evaluated(as_run, objective, place)


def evaluated(job: JobSpec, objective: Objective, place: Place) -> dict[str, float]:
    """The values of ``Objective.evaluate`` on the held-out samples that the job evaluates."""
    samples = objective.samples("held_out")
    training = job.training
    part = training.sequences_per_step // training.accumulation_steps
    was_training = objective.training
    objective.eval()
    with torch.no_grad(), place.autocast():
        values = objective.evaluate(samples, spread(training.evaluation_sequences, len(samples)), part)
    objective.train(was_training)
    return values
