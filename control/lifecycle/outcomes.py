"""How an attempt ends, and what becomes of its job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.db import WriteSession
from control.lifecycle.leases import held
from control.lifecycle.models import Job
from control.lifecycle.schemas import State
from control.lifecycle.transitions import FailureRecord, PauseRecord, transition
from control.settings import settings


@dataclass(frozen=True)
class Completed:
    """The engine reached the last step."""

    exit_code: int = 0
    result: Mapping[str, Any] | None = None
    """What a short job came to."""


@dataclass(frozen=True)
class Stopped:
    """The engine was asked to stop and did; the job's intent says what for, no intent means that the worker stops."""

    exit_code: int | None = None
    why: str | None = None
    """The beginning of the sentence where there is no intent; default: that its worker was shut down."""


@dataclass(frozen=True)
class Paused:
    """The engine stopped for a person to look: as the job's spec asks, or because there is no room for what it writes."""

    why: str
    """The beginning of the sentence."""
    exit_code: int | None = None
    code: str = "collapsed"
    """Stable name of the reason: ``collapsed``, ``quota_exceeded``, ``disk_low``."""
    detail: str | None = None
    """Why, in whole sentences; default: the sentence of `why`."""
    hint: str | None = None
    """What to do before it is resumed."""


@dataclass(frozen=True)
class Failed:
    """The engine could not go on, or died."""

    code: str
    message: str
    hint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    retryable: bool = False
    exit_code: int | None = None


Result = Completed | Stopped | Paused | Failed


def finish(session: WriteSession, job_id: str, attempt: int, result: Result) -> None:
    """The attempt is over: its engine does not run any more and everything it wrote is stored.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    job = held(session, job_id, attempt)
    match result:
        case Completed():
            _completed(session, job, result)
        case Stopped():
            _stopped(session, job, result)
        case Paused():
            _paused(session, job, result)
        case Failed():
            _failed(session, job, result)


def lease_expired(session: WriteSession, job: Job) -> None:
    """Take the job, whose row is locked, from a supervisor that has been silent for too long."""
    lost = Failed(
        code="worker_lost",
        message=f"Worker {job.worker_id} was not heard of for {settings().lease_seconds:g} s.",
        hint="Look at the worker's machine and its log; then retry the job: it continues from its last checkpoint.",
        retryable=True,
    )
    _failed(session, job, lost, outcome="lease_expired")


def _completed(session: WriteSession, job: Job, result: Completed) -> None:
    job.step = job.steps
    job.result = None if result.result is None else dict(result.result)
    message = f"All {job.steps} steps are done." if job.purpose == "train" else "Done."
    if job.intent is not None:
        message += f" They were done before the job could be stopped to {job.intent} it."
    transition(
        session,
        job,
        "succeeded",
        event="succeeded",
        message=message,
        outcome="completed",
        exit_code=result.exit_code,
    )


_STOPS: dict[str | None, tuple[State, str, str]] = {
    "cancel": ("cancelled", "cancelled", "Cancelled at step {step}."),
    "pause": ("paused", "paused", "Paused at step {step}."),
    "preempt": (
        "queued",
        "preempted",
        "Made room at step {step} for a job of higher priority; continues later.",
    ),
    None: (
        "queued",
        "worker_stopped",
        "{why} at step {step}; continues on the next that is free.",
    ),
}
"""Intent → the state it leads to, the name of the event and of the attempt's outcome, the sentence."""


def _stopped(session: WriteSession, job: Job, result: Stopped) -> None:
    to, name, message = _STOPS[job.intent]
    transition(
        session,
        job,
        to,
        event=name,
        message=message.format(step=job.step, why=result.why or "Its worker was shut down"),
        outcome=name,
        exit_code=result.exit_code,
    )


def _paused(session: WriteSession, job: Job, result: Paused) -> None:
    """A cancel that somebody asked for meanwhile goes before; all else that was asked for is done by a pause."""
    if job.intent == "cancel":
        _stopped(session, job, Stopped(result.exit_code))
        return
    transition(
        session,
        job,
        "paused",
        event="paused",
        message=f"{result.why}: paused at step {job.step}. When it is resumed it goes on from its last checkpoint.",
        outcome="paused",
        exit_code=result.exit_code,
        data={"code": result.code},
        pause=PauseRecord(result.code, result.detail or f"{result.why}.", result.hint),
    )


def _failed(session: WriteSession, job: Job, result: Failed, outcome: str | None = None) -> None:
    """A crash on the way to a stop that somebody asked for is that stop, if the job could have gone on."""
    outcome = outcome or ("crashed" if result.retryable else "failed")
    data = {"code": result.code, "exit_code": result.exit_code}
    if job.intent == "cancel":
        transition(
            session,
            job,
            "cancelled",
            event="cancelled",
            message=f"Cancelled. {result.message}",
            data=data,
            outcome=outcome,
            exit_code=result.exit_code,
        )
    elif result.retryable and job.intent == "pause":
        transition(
            session,
            job,
            "paused",
            event="paused",
            message=f"Paused, to continue from its last checkpoint. {result.message}",
            data=data,
            outcome=outcome,
            exit_code=result.exit_code,
        )
    elif result.retryable and job.retries_used < job.max_retries:
        job.retries_used += 1
        transition(
            session,
            job,
            "queued",
            event="retrying",
            message=f"{result.message} Retry {job.retries_used} of {job.max_retries}.",
            data=data,
            outcome=outcome,
            exit_code=result.exit_code,
        )
    else:
        spent = f" All {job.max_retries} retries are used up." if result.retryable else ""
        transition(
            session,
            job,
            "failed",
            event="failed",
            message=f"{result.message}{spent}",
            data=data,
            outcome=outcome,
            exit_code=result.exit_code,
            failure=FailureRecord(result.code, f"{result.message}{spent}", result.hint, dict(result.details)),
        )
