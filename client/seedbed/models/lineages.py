"""Stages that learn one after another, and what each of them has forgotten."""

from datetime import datetime
from typing import Any

from seedbed.models.base import Resource
from seedbed.models.jobs import Progress


class Stage(Resource):
    """A stage that a job goes back to."""

    job: str
    name: str | None = None
    dataset: str | None = None
    """None if it was deleted before the job was submitted."""
    dataset_name: str | None = None
    """None if it was deleted."""
    state: str | None = None
    """None if the job was deleted."""


class Measure(Resource):
    name: str
    better: str
    """``lower`` or ``higher``."""


class Forgetting(Resource):
    """The forgetting matrix of one measure. Every difference is positive where it is good, and forgetting where something was
    lost, whichever direction of the measure is better."""

    metric: str
    better: str
    """``lower`` or ``higher``."""
    measures: list[Measure]
    """All measures that can be shown."""
    jobs: list[str]
    """The stages' jobs, oldest first: rows and columns of the matrix."""
    matrix: list[list[float | None]]
    """Row i: after stage i, the measure on each stage's held-out part."""
    fresh: list[float | None]
    """The measure on each stage's held-out part with freshly initialised weights."""
    start: list[float | None]
    """Likewise with the weights that the stage starts from."""
    after: str | None = None
    """Job of the newest stage whose row was measured."""
    average: float | None = None
    backward_transfer: float | None = None
    """Negative: earlier stages were forgotten."""
    forward_transfer: float | None = None
    """Positive: earlier stages helped later ones."""
    forgetting: float | None = None


class Continual(Resource):
    job: str
    lineage: str | None = None
    """The planned lineage whose stage the job is."""
    stages: list[Stage]
    """Oldest first; the job itself is the last."""
    forgetting: Forgetting


class PlannedStage(Resource):
    """A stage of a planned lineage."""

    position: int
    """From 1 on."""
    dataset: str
    dataset_name: str | None = None
    job: str | None = None
    """None before the stage is submitted, and after its job was deleted."""
    state: str
    """The job's; ``waiting`` until the stage before has succeeded."""
    progress: Progress | None = None


class LineageStop(Resource):
    """Why a lineage does not go on by itself."""

    code: str
    message: str
    position: int
    """The stage that it is about, from 1 on."""


class PlannedLineageSummary(Resource):
    id: str
    name: str
    task: str
    state: str
    """``running``, ``stopped``, ``succeeded`` or ``cancelled``."""
    stop: LineageStop | None = None
    """Of a stopped lineage."""
    stages: list[PlannedStage]
    created_at: datetime


class PlannedLineage(PlannedLineageSummary):
    """A sequence of stages that the service submits one after another."""

    spec: dict[str, Any]
    """As it was submitted."""
    forgetting: Forgetting | None = None
    """Of the newest stage that has a job."""
