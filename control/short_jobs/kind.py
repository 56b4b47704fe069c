"""Description of a kind of short job; everything else about short jobs is the same for all kinds.

A new kind is one file in each room:

- ``control/short_jobs/kinds/<name>.py``: the schemas of its options, its result and its answer, and ``KIND``, a `Kind`.
- ``api/routes/short_jobs/<name>.py``: ``TEXTS``, what the OpenAPI document says of its routes.
- ``core/commands/<name>.py``: the engine command, with its line in ``core/commands/cli.py``.
- ``client/seedbed/short_jobs/<name>.py``: its models, and its `ShortJobs` with an attribute of ``seedbed.Client``. The
method of ``client.jobs`` or ``client.checkpoints`` and the command that create one are written for each kind.
- ``dashboard/src/shortJobs/kinds/<name>.ts``: its calls and words, for the hook that its panel uses.

The database, the queue, the routes, the problem codes, retention, deletion, usage and the worker need no change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from control.lifecycle.schemas import Failure
from control.scheduling.schemas import WaitingReason
from control.schemas import Body, Resource
from core.spec.job import JobSpec

ShortJobState = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class ShortJobOut(Resource):
    """HTTP schema of what all kinds of short jobs have in common."""

    id: str
    state: ShortJobState
    """``result`` is set if it ``succeeded``, ``failure`` if it ``failed``."""
    waiting_reason: str | None
    """Why a queued short job does not run yet: the message of `waiting`."""
    waiting: WaitingReason | None
    """Why a queued short job does not run yet, with code and parameters."""
    phase: Literal["staging", "preparing", "training", "saving"] | None
    """Phase of the worker; ``training`` is the work itself."""
    phase_fraction: float | None
    """Progress of staging or preparing, 0 to 1; null if it is not known."""
    worker: str | None
    failure: Failure | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


OutT_co = TypeVar("OutT_co", bound=ShortJobOut, covariant=True)


@dataclass(frozen=True)
class FromSpec:
    """It works on a spec and its dataset, for a job that was not submitted.

    It needs the memory and the device that the job would need, and is refused if no worker is online that could run
    the job, because its result is wanted at once.
    """


@dataclass(frozen=True)
class FromCheckpoint:
    """It works on a checkpoint, which retention and deletions keep until it has ended.

    It uses the spec of the checkpoint's job. The same request about the same checkpoint is done once: a repeated request
    returns the short job that is queued, runs or has succeeded. It waits if no worker is online.
    """

    memory_bytes: Callable[[JobSpec, int], int]
    """The memory that it needs, from the job's spec and the bytes of the checkpoint's weights."""
    device: Callable[[JobSpec], str]
    """Its device: ``cpu``, ``cuda`` or ``auto``."""
    require_fit: Callable[[BaseModel, JobSpec], None] = lambda *_: None
    """Raises `control.errors.SeedbedError` if the options do not fit the checkpoints of a spec."""
    reads_data: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether with these options it also reads the dataset of the checkpoint's job, if there is one."""


@dataclass(frozen=True)
class FromCheckpointAndData:
    """It works on a checkpoint and on a dataset of the same modality, maybe also on a second checkpoint.

    Its options are an `OnDataset`. Checkpoints and dataset are held until it is over; the same request is done once, as
    of `FromCheckpoint`.
    """

    memory_bytes: Callable[[JobSpec], int]
    """Of a checkpoint's spec: what it takes. With two checkpoints the larger number counts."""
    device: Callable[[JobSpec], str]
    """What it runs on: ``cpu``, ``cuda`` or ``auto``."""


class OnDataset(Body):
    """What every kind that is `FromCheckpointAndData` is asked with."""

    checkpoint: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")]
    """What is evaluated."""
    dataset: Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")] | None = None
    """On which data; of the checkpoint's modality. Default: the dataset that its job learned from."""
    against: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Another checkpoint of the same modality to compare it with, on the same samples."""


@dataclass(frozen=True)
class Kind(Generic[OutT_co]):
    """One kind of short job."""

    name: str
    """Purpose of its rows, and the noun in paths and codes: ``/v1/estimates``, ``estimate_not_found``."""
    prefix: str
    """Prefix of its ids, such as ``est`` in ``est_01kb…``."""
    starts_from: FromSpec | FromCheckpoint | FromCheckpointAndData
    options: type[BaseModel]
    """Its options besides the spec or the checkpoint: the query of ``POST /v1/jobs/NAME``, the body of
    ``POST /v1/checkpoints/ID/NAME``, or that of ``POST /v1/NAMEs``. The row stores them."""
    out: type[OutT_co]
    """Schema of its response. Fields named ``spec``, ``checkpoint``, ``job``, ``step``, ``files``, ``bytes`` and like an option are
    filled in if it has them; ``result`` is made by `result`."""
    result: Callable[[Mapping[str, Any]], BaseModel]
    """Makes the schema from the row's ``result``: the engine's event, and the ``prefix`` and ``files`` of the files if it makes any."""
    event: str
    """The engine's event that carries the result (``docs/engine-protocol.md``)."""
    arguments: Callable[[Mapping[str, Any], int], list[str]]
    """The engine's arguments, from the options and the bytes of memory of the worker's device."""
    files: Literal["downloaded", "shown"] | None = None
    """Which files it makes: files for download, one by one or as an archive; texts and pictures that a browser shows in
    place, by the names in ``result.shown``; or none. If it makes files, the engine command takes ``--out DIR``, and its
    event names their directory as ``path``."""
    kept: timedelta | None = None
    """How long it is kept after its end; None: until it or the job of its checkpoint is deleted."""
    command: str | None = None
    """The engine's command; None: the name."""
    steps: int = 1
    """The number of steps of its progress."""
    retries: int = 1
    """The retry limit."""
    priority: int = 100
    """High, because it is short and somebody waits for it. No running job is preempted for it
    (`control.scheduling.dispatch`)."""
    listed: int = 200
    """Most entries of a job's list of them."""
