"""Reports of a running attempt's supervisor. Every write is fenced by the attempt's number."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm.util import identity_key

from control.db import WriteSession
from control.lifecycle import repository
from control.lifecycle.events import record
from control.lifecycle.leases import held
from control.lifecycle.live_events import announce
from control.lifecycle.models import Event, Job
from control.metrics import repository as metrics
from control.metrics.presenters import finite
from control.metrics.repository import Point

_PACE_SECONDS = 30.0
"""Time constant of the average that gives a run's speed."""


def engine_started(session: WriteSession, job_id: str, attempt: int, info: Mapping[str, Any]) -> None:
    """Record that the engine runs. A resumed run continues its step count.

    Args:
        info: The engine's ``started`` event: device, device_name, threads, precision, torch, resumed_from_step.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    job = held(session, job_id, attempt)
    start = int(info.get("resumed_from_step", 0))
    row = repository.attempt_held(session, job_id, attempt)
    row.engine = dict(info)
    row.start_step = start
    job.step = start
    where = info.get("device_name") or info.get("device") or "its device"
    if start:
        record(session, job, "engine_resumed", {"device": where, "step": start}, data=info)
    else:
        record(session, job, "engine_started", {"device": where}, data=info)


def engine_prepared(session: WriteSession, job_id: str, attempt: int, info: Mapping[str, Any]) -> None:
    """Record that the data are prepared, and the number of steps that is known from then on.

    Args:
        info: The engine's ``prepared`` event.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    job = held(session, job_id, attempt)
    if job.purpose == "train" and "steps" in info:
        job.steps, job.steps_per_epoch = info["steps"], info["steps_per_epoch"]
    record(session, job, "prepared", info, data=info)


def record_points(session: WriteSession, job_id: str, attempt: int, points: Sequence[Point]) -> int:
    """Store metric points; one that an earlier attempt wrote is overwritten.

    Training shares its processors with this function, so it takes two statements and loads no row that is not needed.

    Returns:
        The newest point's ``seq``; 0 where there was nothing to write.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    # One statement cannot write the same row twice; of duplicates the last one counts.
    unique = list({(point.name, point.step): point for point in points}.values())
    if not unique:
        held(session, job_id, attempt)
        return 0
    newest = max(unique, key=lambda point: point.step)
    in_order = sorted(unique, key=lambda point: point.step)
    latest = {point.name: finite(point.value) for point in in_order}
    _move(session, job_id, attempt, newest.step, newest.time, latest)
    written = metrics.upsert(session, job_id, attempt, unique)
    announce(session, job_id, "points")
    return written[-1].seq


def _move(  # noqa: PLR0917 - the order in which one says it
    session: WriteSession, job_id: str, attempt: int, step: int, time: datetime, latest: Mapping[str, Any]
) -> None:
    """Set the job's ``step``, its newest values and its speed in one conditional UPDATE that locks its row."""
    moved = repository.move(
        session,
        job_id=job_id,
        attempt=attempt,
        to_step=step,
        time=time,
        values=json.dumps(latest),
        pace_seconds=_PACE_SECONDS,
    )
    if not moved:
        held(session, job_id, attempt)  # raises, and says why
        raise AssertionError("a job that is held was not updated")
    loaded = session.identity_map.get(identity_key(Job, job_id))
    if loaded is not None:
        session.expire(loaded)


def record_event(
    session: WriteSession,
    job_id: str,
    attempt: int,
    code: str,
    params: Mapping[str, Any] | None = None,
    *,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Add an event of the attempt to the job's events (`control.lifecycle.event_codes`).

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    return record(session, held(session, job_id, attempt), code, params, data=data)


def note(
    session: WriteSession, job_id: str, code: str, params: Mapping[str, Any], *, data: Mapping[str, Any]
) -> None:
    """Add an event about what happened after an attempt's end; none if the job was deleted meanwhile. Not fenced, since it
    changes nothing about the job."""
    job = repository.get(session, job_id)
    if job is not None:
        record(session, job, code, params, data=data)


def record_log_tail(
    session: WriteSession,
    job_id: str,
    attempt: int,
    tail: str,
    *,
    total_bytes: int,
    object_key: str | None = None,
) -> None:
    """Keep the log's last lines.

    Args:
        total_bytes: Length of the whole log so far.
        object_key: Storage key of the whole log, once it is stored.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    held(session, job_id, attempt)
    row = repository.attempt_held(session, job_id, attempt)
    row.log_tail = tail.replace("\x00", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL's text type cannot hold NUL
    row.log_bytes = total_bytes
    if object_key is not None:
        row.log_key = object_key
