"""What a kind of short job says of itself; everything else about short jobs is the same for all kinds.

A new kind is one file in each room:

- ``control/short_jobs/kinds/<name>.py``: the schemas of its options, its result and its answer, and ``KIND``, a `Kind`.
- ``api/routes/short_jobs/<name>.py``: ``TEXTS``, what the OpenAPI document says of its routes.
- ``core/commands/<name>.py``: the engine command, with its line in ``core/commands/cli.py``.
- ``client/seedbed/short_jobs/<name>.py``: its models, and its `ShortJobs` with an attribute of ``seedbed.Client``. What
  people ask with, a method of ``client.jobs`` or ``client.checkpoints`` and a command, is written for each kind.
- ``dashboard/src/shortJobs/kinds/<name>.ts``: its calls and words, for the hook that its panel uses.

The database, the queue, the routes, the problem codes, retention, deletion, usage and the worker need no change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from control.lifecycle.schemas import Failure
from control.scheduling.schemas import WaitingReason
from control.schemas import Resource
from core.spec.job import JobSpec

ShortJobState = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class ShortJobOut(Resource):
    """What every kind of short job tells of itself over HTTP."""

    id: str
    state: ShortJobState
    """``result`` is there once it ``succeeded``, ``failure`` once it ``failed``."""
    waiting_reason: str | None
    """Why a queued short job does not run yet; the message of `waiting`."""
    waiting: WaitingReason | None
    """The same with its code and parameters."""
    phase: Literal["staging", "preparing", "training", "saving"] | None
    """What the worker is at; ``training`` is the work itself."""
    phase_fraction: float | None
    """Of staging or preparing, 0 to 1; none where it is not known."""
    worker: str | None
    failure: Failure | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


OutT_co = TypeVar("OutT_co", bound=ShortJobOut, covariant=True)


@dataclass(frozen=True)
class FromSpec:
    """It tries a job that was not submitted: a spec and its dataset are what it works on.

    It takes the memory and the device that the job would take, and is refused where no worker is online that could
    run the job: its answer is wanted now.
    """


@dataclass(frozen=True)
class FromCheckpoint:
    """It works on a checkpoint, which retention and deletions leave alone until it is over.

    The checkpoint comes with its job's spec. The same request about the same checkpoint is done once: who asks again
    gets the short job that waits, runs or has succeeded. It waits where no worker is online.
    """

    memory_bytes: Callable[[JobSpec, int], int]
    """Of its job's spec and the bytes of the checkpoint's weights: what it takes."""
    device: Callable[[JobSpec], str]
    """What it runs on: ``cpu``, ``cuda`` or ``auto``."""


@dataclass(frozen=True)
class Kind(Generic[OutT_co]):
    """One kind of short job."""

    name: str
    """Purpose of its rows, engine command, and the noun in paths and codes: ``/v1/estimates``, ``estimate_not_found``."""
    prefix: str
    """Of its ids, as ``est`` of ``est_01kb…``."""
    starts_from: FromSpec | FromCheckpoint
    options: type[BaseModel]
    """What is asked besides the spec or the checkpoint: the query of ``POST /v1/jobs/NAME``, the body of
    ``POST /v1/checkpoints/ID/NAME``. The row keeps it."""
    out: type[OutT_co]
    """Its answer. Fields named ``spec``, ``checkpoint``, ``job``, ``step``, ``files``, ``bytes`` and like an option are
    filled in where it has them; ``result`` comes of `result`."""
    result: Callable[[Mapping[str, Any]], BaseModel]
    """From the row's ``result``, which is the engine's event and where files are made their ``prefix`` and ``files``."""
    event: str
    """The engine's event that carries the result (``docs/engine-protocol.md``)."""
    arguments: Callable[[Mapping[str, Any], int], list[str]]
    """Of the options and the bytes of memory that the worker's device has: the engine's arguments for them."""
    files: Literal["downloaded", "shown"] | None = None
    """What it makes: files that are downloaded one by one or as an archive; texts and pictures that a browser shows in
    place, by names that ``result.shown`` lists; or nothing but its result. Where there are files the engine command
    takes ``--out DIR``, and its event names their directory as ``path``."""
    kept: timedelta | None = None
    """After its end it stays so long; None: until it is deleted, or the job that its checkpoint is of."""
    steps: int = 1
    """What its progress counts to."""
    retries: int = 1
    """The retry limit."""
    priority: int = 100
    """Somebody waits for it and it is short, so it goes first. It makes no running job give way
    (`control.scheduling.dispatch`)."""
    listed: int = 200
    """At most so many are in the list of a job's."""
