"""Stops that are asked of a job: cancel, pause, preempt; and the end of a pause. Asking for what already holds changes nothing.

What is asked of a running job stands in its row as its ``intent``, and its supervisor is called to look there.
"""

from collections.abc import Mapping
from typing import Any, Literal

from control.db import WriteSession
from control.errors import Conflict
from control.lifecycle import repository
from control.lifecycle.events import record
from control.lifecycle.models import Job
from control.lifecycle.schemas import Intent, Purpose, State
from control.lifecycle.transitions import InvalidTransition, transition
from control.workers.wakeups import call

Verb = Literal["cancel", "pause"]

_STATES: dict[Verb, State] = {"cancel": "cancelled", "pause": "paused"}


def request(
    session: WriteSession, project_id: str, job_id: str, verb: Verb, *, purpose: Purpose = "train"
) -> Job:
    """Cancel or pause a job: at once where nothing runs, else by asking its supervisor.

    Raises:
        NotFound: ``job_not_found``.
        InvalidTransition: the job is over, or being cancelled (for a pause).
    """
    job = repository.lock(session, project_id, job_id, purpose=purpose)
    state = _STATES[verb]
    if job.state == state or job.intent == verb:
        return job
    if job.state != "running":
        transition(session, job, state, code=f"{state}_before_run", params={"state": job.state})
        return job
    if job.intent == "cancel":
        raise Conflict(
            "invalid_transition", f"{job.id} is being cancelled: a job in this state cannot be paused."
        )
    _set_intent(session, job, verb, f"{verb}_requested")
    return job


def resume(session: WriteSession, project_id: str, job_id: str) -> Job:
    """Send a paused job back to the queue, to continue from its newest checkpoint; or call a pause off.

    Raises:
        NotFound: ``job_not_found``.
        InvalidTransition: it is not paused.
    """
    job = repository.lock(session, project_id, job_id)
    if job.state == "running" and job.intent == "pause":
        _set_intent(session, job, None, "pause_withdrawn")
        return job
    if job.state != "paused":
        raise InvalidTransition(job, "resumed")
    transition(session, job, "queued", code="resumed")
    return job


def preempt(session: WriteSession, job: Job, urgent_id: str) -> None:
    """Have a running job, whose row is locked and of which nothing is asked, make room for one of higher priority."""
    _set_intent(session, job, "preempt", "preempt_requested", {"job": urgent_id}, data={"for": urgent_id})


def _set_intent(  # noqa: PLR0917
    session: WriteSession,
    job: Job,
    intent: Intent | None,
    code: str,
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write down what is asked of a running job, with its event, and call its supervisor once that is committed."""
    job.intent = intent
    session.flush()
    record(session, job, code, params, data=data)
    if job.worker_id is not None:
        call(session, job.worker_id)
