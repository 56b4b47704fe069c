"""Requested stops of a job: cancel, pause, preempt; and the end of a pause. A request that already holds changes nothing.

The request to a running job is stored in its row as ``intent``; its supervisor gets a wake-up to read it.
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
    """Cancel or pause a job: at once if it does not run, else by a request to its supervisor.

    Raises:
        NotFound: ``job_not_found``.
        InvalidTransition: the job has ended; or, for a pause, it is being cancelled.
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
            "invalid_transition",
            f"{job.id} is being cancelled: a job in this state cannot be paused.",
            params={"case": "being_cancelled", "job": job.id},
        )
    _set_intent(session, job, verb, f"{verb}_requested")
    return job


def resume(session: WriteSession, project_id: str, job_id: str) -> Job:
    """Send a paused job back to the queue, to resume from its newest checkpoint; or withdraw a pause that is not carried out yet.

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
    """Preempt a running job for one of higher priority. Its row is locked, and it has no intent."""
    _set_intent(session, job, "preempt", "preempt_requested", {"job": urgent_id}, data={"for": urgent_id})


def _set_intent(  # noqa: PLR0917
    session: WriteSession,
    job: Job,
    intent: Intent | None,
    code: str,
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Store the intent of a running job and its event, and wake up its supervisor after the commit."""
    job.intent = intent
    session.flush()
    record(session, job, code, params, data=data)
    if job.worker_id is not None:
        call(session, job.worker_id)
