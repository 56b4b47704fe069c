"""HTTP schemas of planned lineages and of forgetting matrices."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from control.lifecycle.schemas import Progress, State
from control.schemas import Body, JsonObject, Resource
from core.spec.continual import MOST_STAGES
from core.spec.metrics import Direction
from core.spec.text import Name

LineageState = Literal["running", "stopped", "succeeded", "cancelled"]
DatasetId = Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")]


class MeasureOut(Resource):
    name: str
    better: Direction


class StageOut(Resource):
    """A stage that a job goes back to."""

    job: str
    name: str | None
    dataset: str | None
    """Null if it was deleted before the job was submitted: forgetting of this stage is not measured."""
    dataset_name: str | None
    """Null if it was deleted."""
    state: State | None
    """Null if the job was deleted."""


class ForgettingOut(Resource):
    """The forgetting matrix of one measure, and what sums it up. Every difference is positive where it is good, and forgetting
    where something was lost, whichever direction of the measure is better."""

    metric: str
    better: Direction
    measures: list[MeasureOut]
    """All measures that can be shown; only those that were measured."""
    jobs: list[str]
    """The stages' jobs, oldest first: rows and columns of the matrix."""
    matrix: list[list[float | None]]
    """Row i: after stage i, the measure on each stage's held-out part. Right of the diagonal only the next stage's is measured,
    before its first step."""
    fresh: list[float | None]
    """The measure on each stage's held-out part with freshly initialised weights."""
    start: list[float | None]
    """Likewise with the weights that the stage starts from."""
    after: str | None
    """Job of the newest stage whose row was measured: the numbers below are of the stages up to it."""
    average: float | None
    """Mean of the last row (with accuracies: average accuracy)."""
    backward_transfer: float | None
    """Mean change of the earlier stages since each was learned (Lopez-Paz and Ranzato 2017). Negative: they were forgotten."""
    forward_transfer: float | None
    """Mean advantage of a stage's start over fresh weights (same paper). Positive: earlier stages helped."""
    forgetting: float | None
    """Mean distance of the earlier stages from the best value that they ever had (Chaudhry et al. 2018). Positive: something was
    lost."""


class ContinualOut(Resource):
    """The stages that a job goes back to, and the measures of each after every other one."""

    object: Literal["continual"] = "continual"
    job: str
    lineage: str | None
    """The planned lineage whose stage the job is."""
    stages: list[StageOut]
    """Oldest first; the job itself is the last."""
    forgetting: ForgettingOut


class PlannedLineageIn(Body):
    """A sequence of stages: one spec, on several datasets in order."""

    name: Name | None = None
    """Default: the spec's name."""
    spec: JsonObject
    """The spec of every stage, without ``dataset``. The first stage is trained as it says, without ``continual`` unless it has a
    ``start``; each further one starts from the last checkpoint of the stage before, with scope ``weights`` and the block
    ``continual`` (default: ``{}``, which only measures)."""
    datasets: Annotated[list[DatasetId], Field(min_length=2, max_length=MOST_STAGES)]
    """Ids of the datasets, in order."""


class LineageStageOut(Resource):
    position: int
    """From 1 on."""
    dataset: str
    dataset_name: str | None
    """Null if it was deleted."""
    job: str | None
    """Null before the stage is submitted, and after its job was deleted."""
    state: State | Literal["waiting", "deleted"]
    """The job's; ``waiting`` until the stage before has succeeded."""
    progress: Progress | None


class LineageStop(Resource):
    """Why a lineage does not go on by itself."""

    code: str
    """``stage_failed``, ``stage_cancelled``, ``stage_paused``, ``stage_deleted``, or the code of what refused the next stage."""
    message: str
    params: JsonObject
    position: int
    """The stage that it is about, from 1 on."""


class PlannedLineageSummary(Resource):
    object: Literal["planned_lineage"] = "planned_lineage"
    id: str
    name: str
    task: str
    state: LineageState
    """``stopped``: it goes on when the stage's job was retried, or after ``POST …/resume``."""
    stop: LineageStop | None
    """Of a stopped lineage."""
    stages: list[LineageStageOut]
    created_at: datetime


class PlannedLineageOut(PlannedLineageSummary):
    spec: JsonObject
    """As it was submitted."""
    forgetting: ForgettingOut | None
    """Of the newest stage that has a job; null where none is left."""
