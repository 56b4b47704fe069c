"""HTTP schemas of jobs."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from control.lifecycle.schemas import Failure, Intent, Pause, Progress, State
from control.scheduling.schemas import WaitingReason
from control.schemas import Body, JsonObject, ProblemDetail, Resource
from core.spec.job import JobSpec
from core.spec.start import Scope
from core.spec.stored import StoredSpec


class JobIn(JobSpec):
    """A spec in which a dataset is required: the body of ``POST /v1/jobs``."""

    dataset: Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")]


class Parent(Resource):
    """The checkpoint that a job starts from, and the job that wrote it."""

    job: str | None
    """Null if the checkpoint was uploaded."""
    checkpoint: str
    scope: Scope = "all"
    """What is taken from that checkpoint: ``all``, or the ``encoder`` alone."""


class FailureSummary(Resource):
    """A failure without its details."""

    code: str
    message: str
    hint: str | None = None
    """What to do about it."""


class JobFacts(Resource):
    """Fields that a job has both in a list and by itself."""

    object: Literal["job"] = "job"
    id: str
    name: str
    dataset: str
    state: State
    intent: Intent | None
    """A requested stop that is being carried out."""
    waiting_reason: str | None
    """Why a queued job does not run yet: the message of `waiting`."""
    waiting: WaitingReason | None
    """Why a queued job does not run yet, with code and parameters."""
    priority: int
    attempt: int
    """Number of attempts so far."""
    retries_used: int
    progress: Progress
    latest: dict[str, float | None]
    """Metric name → newest value."""
    pause: Pause | None
    """Why the service paused it; null if a person did."""
    seconds_used: float
    """Run time of all attempts that have ended, in seconds; ``resources.max_seconds`` limits it."""
    parent: Parent | None
    worker: str | None
    checkpoints: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobSummary(JobFacts):
    """A job in a list: of its spec, only the task and the network."""

    task: str
    """``task.kind`` of its spec."""
    preset: str | None
    """``model.preset`` of its spec; null if its sizes are given one by one."""
    failure: FailureSummary | None


class ComparedJob(Resource):
    """A job, or an uploaded checkpoint, beside which a student is shown."""

    id: str | None
    """Null for an uploaded checkpoint."""
    name: str
    same_data: bool
    """Whether it was trained on the student's dataset; otherwise its values are of other samples."""
    values: dict[str, float | None]
    """Metric name → value on its held-out split: of the teacher at its checkpoint where it was evaluated there, else the newest.
    Empty for a teacher of another task."""


class DistillationFacts(Resource):
    """What a job that distils is compared with."""

    checkpoint: str | None
    """The teacher's; null if it was deleted, as the fields that follow from it."""
    step: int | None
    teacher: ComparedJob | None
    alone: ComparedJob | None
    """The newest job that succeeded with the same task, network and training on the same data without a teacher; null if there
    is none."""
    parameters: int
    """Of the student."""
    teacher_parameters: int | None
    size_ratio: float | None
    """The student's parameters over the teacher's."""
    speed_ratio: float | None
    """Samples a second of the training of `alone` over that of the teacher; null if one of them is not known."""


class JobOut(JobFacts):
    failure: Failure | None
    distillation: DistillationFacts | None = None
    """Null for a job without a teacher."""
    spec: StoredSpec


class ForkIn(Body):
    """A new job from a checkpoint of this one."""

    checkpoint: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Default: the newest checkpoint."""
    changes: JsonObject = Field(default_factory=dict)
    """Merged over the parent's spec (RFC 7396): ``{"training": {"steps": 2000}}``."""


class ContinuationOut(Resource):
    """The job that goes on with the new files of a version of a dataset; all fields are null where no job on an earlier version has a
    checkpoint."""

    object: Literal["continuation"] = "continuation"
    dataset: str
    job: str | None
    """The last job on the parent, or on the nearest earlier version that has one."""
    checkpoint: str | None
    """The best of its checkpoints that are left, by ``training.retention.keep_best``, else by the metric of
    ``training.early_stopping``, else by ``eval/loss``."""
    step: int | None
    """That checkpoint's."""
    spec: JsonObject | None
    """The spec of the proposed job, as the body of ``POST /v1/jobs``: that job's, from that checkpoint, with ``data.files: new``, replay of
    what was there, and as many further steps as it took."""


class RetryIn(Body):
    """Changes for the retry of a job."""

    max_seconds: Annotated[float, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    """Replaces the spec's ``resources.max_seconds``; left out: no change, null: no limit."""


class LineageOut(Resource):
    object: Literal["lineage"] = "lineage"
    job: str
    ancestors: list["LineageNode"]
    """Parent first, then its parent and so on."""
    descendants: list["LineageNode"]


class LineageNode(Resource):
    id: str
    name: str
    state: State
    parent: Parent | None


class ValidationOut(Resource):
    """Response of ``POST /v1/jobs/validate``, also for a wrong spec (status 200)."""

    object: Literal["validation"] = "validation"
    valid: bool
    errors: list[ProblemDetail]
    """At most 20."""
    errors_omitted: int = 0
    """Number of errors beyond those in `errors`."""
    warnings: list[ProblemDetail]
    spec: JobSpec | None
    """The spec with every default written out."""
    parameters: int | None
    """Number of weights of the network, embeddings included."""
    trainable_parameters: int | None = None
    """Number of those that are trained, which ``adaptation`` decides."""
    memory_bytes: int | None
    """Estimated peak memory of training."""


class LogOut(Resource):
    object: Literal["log"] = "log"
    job: str
    attempt: int
    text: str
    """The last lines."""
    bytes: int
    """Length of the whole log."""
    complete: bool
    """Whether the whole log is in storage; ``?full=true`` returns it."""
