"""Leases and the fence: who may write about a running job.

A supervisor holds a job as attempt N until its lease ends *and* somebody has taken note of it: a late heartbeat
that comes before that renews the lease, because silence alone is no reason to throw healthy work away.
Every write carries N; once the job has moved on, a write with an older N changes nothing.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, func

from control.db import WriteSession
from control.errors import Conflict
from control.lifecycle import repository
from control.lifecycle.live_events import announce
from control.lifecycle.models import Job
from control.lifecycle.schemas import Intent
from control.settings import settings

Phase = Literal["staging", "preparing", "training", "saving"]
LossReason = Literal["running_elsewhere", "not_running", "unknown_job"]

_LOSSES: dict[LossReason, str] = {
    "running_elsewhere": "A newer attempt runs this job; stop this one and write nothing more.",
    "not_running": "The job does not run any more; stop this attempt and write nothing more.",
    "unknown_job": "There is no such job; stop this attempt.",
}


class LeaseLost(Conflict):
    """The attempt does not hold the job any more. Nothing was written; its engine must be killed."""

    def __init__(self, reason: LossReason) -> None:
        super().__init__(reason, _LOSSES[reason])
        self.reason = reason


def lease_end() -> ColumnElement[datetime]:
    """When a lease given now ends, by the database's clock, so that no two machines' clocks are compared."""
    return func.clock_timestamp() + timedelta(seconds=settings().lease_seconds)


def held(session: WriteSession, job_id: str, attempt: int) -> Job:
    """The job, its row locked until the transaction ends, if `attempt` still holds it.

    Raises:
        LeaseLost: it does not.
    """
    job = repository.lock_by_id(session, job_id)
    if job is None:
        raise LeaseLost("unknown_job")
    if job.state != "running":
        raise LeaseLost("not_running")
    if job.attempt != attempt:
        raise LeaseLost("running_elsewhere")
    return job


def heartbeat(
    session: WriteSession,
    job_id: str,
    attempt: int,
    *,
    phase: Phase | None = None,
    phase_fraction: float | None = None,
    step: int | None = None,
) -> Intent | None:
    """Renew the lease, in one conditional UPDATE.

    Args:
        phase: What the engine is at; None: as before.
        phase_fraction: How far it is with that, 0 to 1; None: not known.
        step: The step it is at; never goes back within an attempt.

    Returns:
        What somebody asked the job to do.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    changes: dict[str, object] = {"lease_until": lease_end()}
    if phase is not None:
        changes |= {"phase": phase, "phase_fraction": phase_fraction}
    if step is not None:
        changes["step"] = func.greatest(Job.step, step)
    job = repository.update_held(session, job_id, attempt, changes)
    if job is None:
        held(session, job_id, attempt)  # raises, and says why
        raise AssertionError("a job that is held was not updated")
    if phase is not None or step is not None:
        announce(session, job_id)
    intent: Intent | None = job.intent  # type: ignore[assignment]
    return intent
