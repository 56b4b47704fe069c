"""Reads what was written about a job since a cursor, for live streams, from PostgreSQL, so that nothing is lost.

Redis only notifies *that* something was written. A job's points and events are written under the lock of its row, so
they become visible in the order of their numbers, and a reader of "everything after this number" never skips one.
"""

import re
from dataclasses import dataclass, field

from control.checkpoints import repository as checkpoints
from control.checkpoints.presenters import checkpoint_out
from control.checkpoints.schemas import CheckpointOut
from control.db import ReadSession
from control.errors import Invalid
from control.jobs.presenters import job_out
from control.jobs.schemas import JobOut
from control.lifecycle import repository as lifecycle
from control.lifecycle.presenters import event_out, progress
from control.lifecycle.schemas import EventOut, Progress
from control.live import repository
from control.metrics import repository as metrics
from control.metrics.repository import WrittenPoint
from control.samples import repository as samples
from control.samples.presenters import sample_out
from control.samples.schemas import SampleOut

_CURSOR = re.compile(r"m(\d{1,18})\.e(\d{1,18})")


@dataclass(frozen=True)
class Cursor:
    """The position of a reader: ``seq`` of the last metric point and id of the last event that it has read."""

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
                params={"case": "stream", "cursor": text},
            )
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Changes:
    """A snapshot of a job: its state, and what was written since a cursor."""

    job: JobOut | None
    """None: only its points were requested."""
    progress: Progress | None
    """None: only its points were requested, and there is none."""
    points: list[WrittenPoint]
    events: list[EventOut] = field(default_factory=list)
    checkpoints: dict[str, CheckpointOut] = field(default_factory=dict)
    """Id → checkpoint, for those that the events mention and that still exist."""
    samples: dict[str, SampleOut] = field(default_factory=dict)
    """Id → sample, likewise."""
    gone: bool = False
    """Whether the job was deleted."""
    more: bool = False
    """Whether more was written than the limit; read on from the new cursor."""


def newest(session: ReadSession, job_id: str) -> Cursor:
    """The cursor after everything written so far."""
    return Cursor(metrics.newest_seq(session, job_id), lifecycle.newest_event(session, job_id))


def changes(session: ReadSession, job_id: str, cursor: Cursor, *, limit: int = 1000) -> Changes:
    """Everything since the cursor, in the order of writing; at most ``limit`` points and as many events.

    The session must read one snapshot (as `control.db.read` does): a job that is read as ended has then nothing unread.
    """
    job = lifecycle.get(session, job_id)
    if job is None:
        return Changes(job=None, progress=None, points=[], gone=True)
    points = metrics.after(session, job_id, cursor.point, None, limit)
    events = lifecycle.events_after(session, job_id, cursor.event, limit)
    found = checkpoints.among(
        session, [event.data["checkpoint"] for event in events if event.type == "checkpoint"]
    )
    shown = samples.among(session, [event.data["sample"] for event in events if event.type == "sample"])
    out = job_out(session, job)
    return Changes(
        job=out,
        progress=out.progress,
        points=points,
        events=[event_out(event) for event in events],
        checkpoints={checkpoint.id: checkpoint_out(checkpoint) for checkpoint in found},
        samples={sample.id: sample_out(sample) for sample in shown},
        more=len(points) == limit or len(events) == limit,
    )


def new_points(session: ReadSession, job_id: str, cursor: Cursor, *, limit: int = 1000) -> Changes:
    """The points since the cursor and the job's progress, in one statement: all that changes while a job trains.

    The service shares processors with training, so a read that happens at every point must be cheap.
    """
    rows = repository.new_points(session, job_id, cursor.point, limit)
    return Changes(
        job=None,
        progress=progress(rows[0]) if rows else None,
        points=[WrittenPoint(*row[:6]) for row in rows],
        more=len(rows) == limit,
    )
