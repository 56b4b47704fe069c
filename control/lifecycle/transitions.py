"""The one function through which a job's state changes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Double, func

from control.db import WriteSession
from control.errors import Conflict
from control.lifecycle import repository
from control.lifecycle.events import record
from control.lifecycle.leases import lease_end
from control.lifecycle.models import Attempt, Job
from control.lifecycle.schemas import State
from control.lifecycle.states import TERMINAL, allowed
from control.workers.wakeups import wake_for


class InvalidTransition(Conflict):
    """The job's state does not allow it."""

    def __init__(self, job: Job, verb: str) -> None:
        super().__init__(
            "invalid_transition",
            f"{job.id} is {job.state}: a job in this state cannot be {verb}.",
            params={"job": job.id, "state": job.state, "verb": verb},
        )


@dataclass(frozen=True)
class FailureRecord:
    """Why a job failed."""

    code: str
    message: str
    hint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the message, and further details."""


@dataclass(frozen=True)
class PauseRecord:
    """Why the service itself paused a job."""

    code: str
    message: str
    hint: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the message."""


def transition(
    session: WriteSession,
    job: Job,
    to: State,
    *,
    code: str,
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    worker_id: str | None = None,
    outcome: str | None = None,
    exit_code: int | None = None,
    failure: FailureRecord | None = None,
    pause: PauseRecord | None = None,
) -> None:
    """Change the state of a job whose row this transaction has locked, and record the event.

    Args:
        code: The code of the event for the transition (`control.lifecycle.event_codes`).
        params: Parameters of its sentence.
        data: Facts for programs, besides the two states.
        worker_id: The worker that runs it; required if the new state is ``running``.
        outcome: Outcome of the attempt; required if the old state is ``running``.
        exit_code: Exit code of the engine.
        failure: Required if the new state is ``failed``.
        pause: For the new state ``paused``, if nobody requested it.

    Raises:
        InvalidTransition: `control.lifecycle.states` does not allow it.
    """
    before = cast("State", job.state)
    if not allowed(before, to):
        raise InvalidTransition(job, to)
    with session.no_autoflush:  # a partly changed row would violate the table's constraints
        job.state = to
        if before == "running":
            _leave_running(session, job, outcome, exit_code)
        job.pause = asdict(pause) if pause is not None else None
        if before in TERMINAL:
            job.finished_at = None
            job.failure = None
        if to == "running":
            assert worker_id
            _enter_running(session, job, worker_id)
        elif to == "queued":
            job.queued_at = func.clock_timestamp()
            wake_for(session, job.id, device=job.device, memory_bytes=job.memory_bytes)
        elif to in TERMINAL:
            job.finished_at = func.clock_timestamp()
            if to == "failed":
                assert failure
                job.failure = asdict(failure)
    session.flush()
    record(session, job, code, params, data={"from": before, "to": to, **(data or {})})


def _enter_running(session: WriteSession, job: Job, worker_id: str) -> None:
    job.attempt += 1
    job.worker_id = worker_id
    job.lease_until = lease_end()
    job.phase = "staging"
    if job.started_at is None:
        job.started_at = func.clock_timestamp()
    session.add(Attempt(job_id=job.id, number=job.attempt, worker_id=worker_id))


def _leave_running(session: WriteSession, job: Job, outcome: str | None, exit_code: int | None) -> None:
    assert outcome
    job.intent = None
    job.worker_id = None
    job.lease_until = None
    job.phase = None
    job.phase_fraction = None
    job.step_at = None
    job.seconds_per_step = None
    attempt = repository.attempt_held(session, job.id, job.attempt)
    attempt.outcome = outcome
    attempt.exit_code = exit_code
    attempt.ended_at = func.clock_timestamp()
    job.seconds_used = Job.seconds_used + _seconds_since(attempt.started_at)


def _seconds_since(moment: datetime) -> ColumnElement[float]:
    return func.extract("epoch", func.clock_timestamp() - moment).cast(Double)
