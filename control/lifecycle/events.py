"""A job's events: one row for each thing that happened to it."""

from collections.abc import Mapping
from typing import Any

from control.db import WriteSession
from control.lifecycle.event_codes import CATALOGUE, sentence
from control.lifecycle.live_events import announce
from control.lifecycle.models import Event, Job


def record(
    session: WriteSession,
    job: Job,
    code: str,
    params: Mapping[str, Any] | None = None,
    *,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Write an event in the same transaction as the change that it describes; live streams are notified after the commit.

    Args:
        code: A code of the catalogue (`control.lifecycle.event_codes`), which defines the type and the sentence.
        params: Parameters of the sentence.
        data: What programs need to know.

    Raises:
        KeyError: the code is not in the catalogue, or a parameter is missing.
    """
    found = dict(params or {})
    event = Event(
        job_id=job.id,
        attempt=job.attempt,
        type=CATALOGUE[code].type,
        code=code,
        params=found,
        message=sentence(code, found),
        data=dict(data or {}),
    )
    session.add(event)
    session.flush()
    announce(session, job.id)
    return event
