"""Models of jobs, and of the validation of a spec."""

from datetime import datetime
from typing import Any

from pydantic import Field

from seedbed.errors import ProblemDetail
from seedbed.models.base import TERMINAL, Resource


class Progress(Resource):
    phase: str | None = None
    """``staging``, ``preparing``, ``training`` or ``saving``."""
    phase_fraction: float | None = None
    step: int
    steps: int | None = None
    """In all; None until the data of a job that gives ``training.epochs`` are prepared."""
    epoch: float | None = None
    """How often the training split was gone through so far; None until the data are prepared."""
    epochs: float | None = None
    """The same at the last step."""
    fraction: float
    eta_seconds: float | None = None


class Failure(Resource):
    code: str
    message: str
    hint: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the message, and further details."""


class Pause(Resource):
    code: str
    """``collapsed``, ``quota_exceeded`` or ``disk_low``."""
    message: str
    hint: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the message."""


class WaitingReason(Resource):
    """Why a queued job does not run yet."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the message."""
    message: str


class Parent(Resource):
    """The checkpoint that a job starts from, and the job that wrote it."""

    job: str | None
    """None if the checkpoint was uploaded."""
    checkpoint: str
    scope: str = "all"
    """What is taken from that checkpoint: ``all``, or the ``encoder`` alone."""


class JobFacts(Resource):
    """Fields of a job that a list and a single job have in common."""

    id: str
    name: str
    dataset: str
    state: str
    """``queued``, ``running``, ``paused``, ``succeeded``, ``failed`` or ``cancelled``."""
    intent: str | None = None
    """The requested stop (such as ``pause``) that is being carried out."""
    waiting_reason: str | None = None
    waiting: WaitingReason | None = None
    """Why a queued job does not run yet, with code and parameters."""
    """Why a queued job does not run yet."""
    priority: int
    attempt: int
    retries_used: int
    progress: Progress
    latest: dict[str, float | None]
    """Metric name → newest value."""
    pause: Pause | None = None
    """Why the service paused it; none if a user did."""
    seconds_used: float = 0.0
    """Run time of all attempts that have ended, in seconds."""
    parent: Parent | None = None
    worker: str | None = None
    checkpoints: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the job is over."""
        return self.state in TERMINAL


class JobSummary(JobFacts):
    """A job in a list: of its spec only the task and the network; `jobs.get` returns the whole spec."""

    task: str
    preset: str | None = None
    """None if the network's sizes are given one by one."""
    failure: Failure | None = None
    """The failure, without its details."""


class Job(JobFacts):
    failure: Failure | None = None
    spec: dict[str, Any]


class LineageNode(Resource):
    id: str
    name: str
    state: str
    parent: Parent | None = None


class Lineage(Resource):
    job: str
    ancestors: list[LineageNode]
    """Parent first, then its parent and so on."""
    descendants: list[LineageNode]


class Validation(Resource):
    valid: bool
    errors: list[ProblemDetail]
    warnings: list[ProblemDetail]
    spec: dict[str, Any] | None = None
    """The spec with every default written out."""
    parameters: int | None = None
    trainable_parameters: int | None = None
    """Number of those that are trained, which ``adaptation`` decides."""
    memory_bytes: int | None = None
    """Estimated peak memory of training."""
