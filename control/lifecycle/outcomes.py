"""How an attempt ends, and the state of its job that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from control.db import WriteSession
from control.lifecycle.event_codes import nested, sentence
from control.lifecycle.leases import held
from control.lifecycle.models import Job
from control.lifecycle.schemas import State
from control.lifecycle.transitions import FailureRecord, PauseRecord, transition
from control.settings import settings


@dataclass(frozen=True)
class Completed:
    """The engine reached the last step, or early stopping ended it."""

    exit_code: int = 0
    step: int | None = None
    """The step at which early stopping ended a training; None for the last one."""
    result: Mapping[str, Any] | None = None
    """Result of a short job."""


StopCode = Literal["worker_shut_down", "worker_shut_down_storing", "database_unreachable"]
"""Why a worker stopped an engine without a request; codes of events."""


@dataclass(frozen=True)
class Stopped:
    """The engine stopped as requested. The job's intent says why; without an intent, the worker shuts down."""

    exit_code: int | None = None
    code: StopCode = "worker_shut_down"
    """The reason if there is no intent."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of its sentence, besides the step."""


@dataclass(frozen=True)
class Paused:
    """The engine stopped until a person acts: as the job's spec says, or because there is no storage for what it writes."""

    code: str = "collapsed"
    """Code of the reason: ``collapsed``, ``quota_exceeded``, ``disk_low``."""
    exit_code: int | None = None
    detail: str | None = None
    """The reason in whole sentences; unused for ``collapsed``."""
    hint: str | None = None
    """What to do before it is resumed."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of `detail`."""


@dataclass(frozen=True)
class Failed:
    """The engine could not continue, or its process ended."""

    code: str
    message: str
    hint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of `message`, and further details."""
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
    """Take the job, whose row is locked, from a supervisor whose lease has expired."""
    seconds = settings().lease_seconds
    lost = Failed(
        code="worker_lost",
        message=f"Worker {job.worker_id} was not heard of for {seconds:g} s.",
        hint="Look at the worker's machine and its log; then retry the job: it continues from its last checkpoint.",
        details={"worker": job.worker_id, "seconds": seconds},
        retryable=True,
    )
    _failed(session, job, lost, outcome="lease_expired")


def _completed(session: WriteSession, job: Job, result: Completed) -> None:
    planned = job.step if job.steps is None else job.steps
    # A job that was stopped early has as many steps as it did.
    ended_at = result.step if job.purpose == "train" else None
    job.step = job.steps = planned if ended_at is None else min(planned, ended_at)
    job.result = None if result.result is None else dict(result.result)
    code = "result_made"
    params: dict[str, Any] = {}
    if job.purpose == "train":
        code, params = "steps_done", {"steps": job.steps}
        if job.step < planned:
            code, params = "stopped_early", {"step": job.step, "steps": planned}
    if job.intent is not None:
        code, params = f"{code}_before_stop", params | {"intent": job.intent}
    transition(
        session,
        job,
        "succeeded",
        code=code,
        params=params,
        outcome="completed",
        exit_code=result.exit_code,
    )


_STOPS: dict[str, tuple[State, str, str]] = {
    "cancel": ("cancelled", "cancelled", "cancelled_at_step"),
    "pause": ("paused", "paused", "paused_at_step"),
    "preempt": ("queued", "preempted", "preempted_at_step"),
}
"""Intent → the state it leads to, the attempt's outcome, the event's code."""


def _stopped(session: WriteSession, job: Job, result: Stopped) -> None:
    params: dict[str, Any] = {"step": job.step}
    to: State
    if job.intent is None:
        to, outcome, code = "queued", "worker_stopped", str(result.code)
        params |= result.params
    else:
        to, outcome, code = _STOPS[job.intent]
    transition(session, job, to, code=code, params=params, outcome=outcome, exit_code=result.exit_code)


def _paused(session: WriteSession, job: Job, result: Paused) -> None:
    """A cancel that was requested meanwhile takes precedence; a pause satisfies every other request."""
    if job.intent == "cancel":
        _stopped(session, job, Stopped(result.exit_code))
        return
    if result.code == "collapsed":
        code = "paused_collapsed"
        message = "Its representation collapsed (training.on_collapse is pause)."
    else:
        code = "paused_without_room"
        message = "There is no room for what it writes."
    transition(
        session,
        job,
        "paused",
        code=code,
        params={"step": job.step},
        outcome="paused",
        exit_code=result.exit_code,
        data={"code": result.code},
        pause=PauseRecord(result.code, result.detail or message, result.hint, dict(result.params)),
    )


def _failed(session: WriteSession, job: Job, result: Failed, outcome: str | None = None) -> None:
    """A crash during a requested stop counts as that stop, if the job could have resumed."""
    to: State = "failed"
    failure = None
    params: dict[str, Any] = {"failure": nested(result.code, result.message, result.details)}
    if job.intent == "cancel":
        to, code = "cancelled", "cancelled_after_failure"
    elif result.retryable and job.intent == "pause":
        to, code = "paused", "paused_after_failure"
    elif result.retryable and job.retries_used < job.max_retries:
        job.retries_used += 1
        to, code = "queued", "retrying"
        params |= {"retry": job.retries_used, "retries": job.max_retries}
    else:
        code = "failed"
        if result.retryable:
            code = "failed_without_retries"
            params |= {"retries": job.max_retries}
        failure = FailureRecord(result.code, sentence(code, params), result.hint, dict(result.details))
    transition(
        session,
        job,
        to,
        code=code,
        params=params,
        data={"code": result.code, "exit_code": result.exit_code},
        outcome=outcome or ("crashed" if result.retryable else "failed"),
        exit_code=result.exit_code,
        failure=failure,
    )
