"""Leases and fencing: which attempt may write about a running job.

A supervisor holds a job as attempt N until its lease has ended *and* the maintenance has taken the job back: a late heartbeat
before that renews the lease, because a missed heartbeat alone is no reason to discard healthy work.
Every write carries N, the fencing token; once the job has a newer attempt, a write with an older N changes nothing.
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
    """The attempt no longer holds the job. Nothing was written; its engine must be killed."""

    def __init__(self, reason: LossReason) -> None:
        super().__init__(reason, _LOSSES[reason])
        self.reason = reason


def lease_end() -> ColumnElement[datetime]:
    """When a lease that begins now ends, by the database's clock, so that clocks of two machines are never compared."""
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
        phase: What the engine does now; None: no change.
        phase_fraction: Progress of the phase, 0 to 1; None: not known.
        step: The current step; never decreases within an attempt.

    Returns:
        The intent: what the job was requested to do.

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
        held(session, job_id, attempt)  # raises LeaseLost with the reason
        raise AssertionError("a job that is held was not updated")
    if phase is not None or step is not None:
        announce(session, job_id)
    intent: Intent | None = job.intent  # type: ignore[assignment]
    return intent
