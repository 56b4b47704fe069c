"""Jobs over HTTP."""

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
    """A spec whose dataset is given: what ``POST /v1/jobs`` takes."""

    dataset: Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")]


class Parent(Resource):
    """The job whose checkpoint a job starts from."""

    job: str
    checkpoint: str
    scope: Scope = "all"
    """What is taken of it: ``all``, or the ``encoder`` alone."""


class FailureSummary(Resource):
    """A failure without its details."""

    code: str
    message: str
    hint: str | None = None
    """What to do about it."""


class JobFacts(Resource):
    """What a list and a single job tell alike."""

    object: Literal["job"] = "job"
    id: str
    name: str
    dataset: str
    state: State
    intent: Intent | None
    """A stop that was asked for and is being carried out."""
    waiting_reason: str | None
    """Why a queued job does not run yet; the message of `waiting`."""
    waiting: WaitingReason | None
    """The same with its code and parameters."""
    priority: int
    attempt: int
    """Attempts so far."""
    retries_used: int
    progress: Progress
    latest: dict[str, float | None]
    """Metric name → newest value."""
    pause: Pause | None
    """Why the service paused it; none where a person did."""
    seconds_used: float
    """Of all attempts that have ended; what ``resources.max_seconds`` limits."""
    parent: Parent | None
    worker: str | None
    checkpoints: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobSummary(JobFacts):
    """A job in a list: of its spec the task and the network alone."""

    task: str
    """``task.kind`` of its spec."""
    preset: str | None
    """``model.preset`` of its spec; none where its sizes are given one by one."""
    failure: FailureSummary | None


class JobOut(JobFacts):
    failure: Failure | None
    spec: StoredSpec


class ForkIn(Body):
    """A new job from a checkpoint of this one."""

    checkpoint: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Default: the newest."""
    changes: JsonObject = Field(default_factory=dict)
    """Merged over the parent's spec (RFC 7396): ``{"training": {"steps": 2000}}``."""


class RetryIn(Body):
    """How the job is to be tried again."""

    max_seconds: Annotated[float, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    """In place of the spec's ``resources.max_seconds``; left out: as it is, null: no limit."""


class LineageOut(Resource):
    object: Literal["lineage"] = "lineage"
    job: str
    ancestors: list["LineageNode"]
    """Parent first."""
    descendants: list["LineageNode"]


class LineageNode(Resource):
    id: str
    name: str
    state: State
    parent: Parent | None


class ValidationOut(Resource):
    """What ``POST /v1/jobs/validate`` answers, also for a spec that is wrong (status 200)."""

    object: Literal["validation"] = "validation"
    valid: bool
    errors: list[ProblemDetail]
    """At most 20."""
    errors_omitted: int = 0
    """How many more things are wrong than `errors` names."""
    warnings: list[ProblemDetail]
    spec: JobSpec | None
    """With every default written out."""
    parameters: int | None
    """Weights of the network, embeddings included."""
    memory_bytes: int | None
    """Estimate of the peak of training."""


class LogOut(Resource):
    object: Literal["log"] = "log"
    job: str
    attempt: int
    text: str
    """The last lines."""
    bytes: int
    """Of the whole log."""
    complete: bool
    """The whole log is in storage and can be had with ``?full=true``."""
