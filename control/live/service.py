"""What happened to a job since a cursor: the source of live streams, which lose nothing because it is read here.

Redis only says *that* something happened. A job's points and events are written under its row's lock, so
they become visible in the order of their numbers: whoever asks for "after this one" never skips one.
"""

import re
from dataclasses import dataclass, field

from sqlalchemy import func, select, text

from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointOut
from control.checkpoints.service import checkpoint_out
from control.db import ReadSession
from control.errors import Invalid
from control.jobs.presenters import job_out
from control.jobs.schemas import JobOut
from control.lifecycle.models import Event, Job
from control.lifecycle.presenters import event_out, progress
from control.lifecycle.schemas import EventOut, Progress
from control.metrics import repository as metrics
from control.metrics.repository import WrittenPoint
from control.samples.models import Sample
from control.samples.schemas import SampleOut
from control.samples.service import sample_out

_CURSOR = re.compile(r"m(\d{1,18})\.e(\d{1,18})")


@dataclass(frozen=True)
class Cursor:
    """How far somebody has read: the last metric point's ``seq`` and the last event's id."""

    point: int = 0
    event: int = 0

    def __str__(self) -> str:
        return f"m{self.point}.e{self.event}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """
        Raises:
            Invalid: ``invalid_cursor``.
        """
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Invalid(
                "invalid_cursor",
                f"{text[:100]!r} is no id that this stream sent. Connect without one to start from the beginning.",
                param="last_event_id",
            )
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Changes:
    """A moment of a job: how it stands, and what was written since a cursor."""

    job: JobOut | None
    """None: only its points were asked for."""
    progress: Progress | None
    """None: only its points were asked for, and there is none."""
    points: list[WrittenPoint]
    events: list[EventOut] = field(default_factory=list)
    checkpoints: dict[str, CheckpointOut] = field(default_factory=dict)
    """By id: those that the events tell of and that are still there."""
    samples: dict[str, SampleOut] = field(default_factory=dict)
    """Likewise."""
    gone: bool = False
    """The job was deleted."""
    more: bool = False
    """There is more than was asked for; ask again from the last ones here."""


def newest(session: ReadSession, job_id: str) -> Cursor:
    """The cursor behind everything written so far."""
    event = session.scalar(select(func.max(Event.id)).where(Event.job_id == job_id))
    return Cursor(metrics.newest_seq(session, job_id), event or 0)


def changes(session: ReadSession, job_id: str, cursor: Cursor, *, limit: int = 1000) -> Changes:
    """Everything since the cursor, in the order of writing; at most ``limit`` points and as many events.

    The session must see one moment (`control.db.read` does): a job seen as over has then nothing unseen.
    """
    job = session.get(Job, job_id)
    if job is None:
        return Changes(job=None, progress=None, points=[], gone=True)
    points = metrics.after(session, job_id, cursor.point, None, limit)
    events = list(
        session.scalars(
            select(Event)
            .where(Event.job_id == job_id, Event.id > cursor.event)
            .order_by(Event.id)
            .limit(limit)
        )
    )
    told_of = [event.data["checkpoint"] for event in events if event.type == "checkpoint"]
    found = (
        session.scalars(select(Checkpoint).where(Checkpoint.id.in_(told_of), Checkpoint.deleted_at.is_(None)))
        if told_of
        else ()
    )
    shown = [event.data["sample"] for event in events if event.type == "sample"]
    samples = session.scalars(select(Sample).where(Sample.id.in_(shown))) if shown else ()
    out = job_out(session, job)
    return Changes(
        job=out,
        progress=out.progress,
        points=points,
        events=[event_out(event) for event in events],
        checkpoints={checkpoint.id: checkpoint_out(checkpoint) for checkpoint in found},
        samples={sample.id: sample_out(sample) for sample in samples},
        more=len(points) == limit or len(events) == limit,
    )


def new_points(session: ReadSession, job_id: str, cursor: Cursor, *, limit: int = 1000) -> Changes:
    """The points since the cursor and how far the job is, in one statement: all that changes while a job trains.

    Training shares its processors with whoever watches it, so what is looked at with every point has to cost little.
    """
    rows = session.execute(_NEW_POINTS, {"job_id": job_id, "cursor": cursor.point, "limit": limit}).all()
    return Changes(
        job=None,
        progress=progress(rows[0]) if rows else None,
        points=[WrittenPoint(*row[:6]) for row in rows],
        more=len(rows) == limit,
    )


_NEW_POINTS = text("""
    SELECT metric_names.name, point.step AS point_step, point.value,
        CAST(extract(epoch FROM point.time) AS float8), point.attempt, point.seq,
        jobs.state, jobs.phase, jobs.phase_fraction, jobs.step, jobs.steps, jobs.seconds_per_step
    FROM jobs
    JOIN metric_points AS point ON point.job_id = jobs.id
    JOIN metric_names ON metric_names.id = point.name_id
    WHERE jobs.id = :job_id AND point.seq > :cursor
    ORDER BY point.seq
    LIMIT :limit
""")
