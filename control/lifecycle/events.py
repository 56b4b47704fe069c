"""A job's events: one row for each thing that happened to it."""

from collections.abc import Mapping
from typing import Any

from control.db import WriteSession
from control.lifecycle.live_events import announce
from control.lifecycle.models import Event, Job


def record(
    session: WriteSession, job: Job, kind: str, message: str, data: Mapping[str, Any] | None = None
) -> Event:
    """Write an event in the same transaction as what it tells of; listeners hear of it after the commit."""
    event = Event(job_id=job.id, attempt=job.attempt, type=kind, message=message, data=dict(data or {}))
    session.add(event)
    session.flush()
    announce(session, job.id)
    return event
