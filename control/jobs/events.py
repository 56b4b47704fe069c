"""The job's diary: one row for each thing that happened to it."""

from collections.abc import Mapping
from typing import Any

from control.db import WriteSession
from control.jobs.live_events import announce
from control.jobs.models import Event, Job
from control.jobs.presenters import event_out


def record(
    session: WriteSession, job: Job, kind: str, message: str, data: Mapping[str, Any] | None = None
) -> Event:
    """Write an event in the same transaction as what it tells of, and announce it after the commit."""
    event = Event(job_id=job.id, attempt=job.attempt, type=kind, message=message, data=dict(data or {}))
    session.add(event)
    session.flush()
    announce(session, job.id, "event", event_out(event).model_dump(mode="json"))
    return event
