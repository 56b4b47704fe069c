"""The workers that are online, each with what it runs: where jobs have room, and where room could be made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import and_, select

from control.db import ReadSession
from control.jobs.models import Job
from control.workers.fleet import Fleet, Member, WorkerDevice, online
from control.workers.models import Worker


@dataclass(frozen=True)
class Occupant:
    """A running job."""

    job_id: str
    priority: int
    preemptible: bool
    stopping: bool
    """It was asked to stop, so its place is free soon."""
    since: datetime
    """When it last waited in the queue; of two jobs, the later one has less to lose."""


@dataclass(frozen=True)
class Place:
    """Room for one job at a time."""

    worker: Member
    occupant: Occupant | None


@dataclass(frozen=True)
class Places:
    """All places of the workers that are online."""

    all: Sequence[Place]

    @property
    def fleet(self) -> Fleet:
        """Their workers."""
        return Fleet([place.worker for place in self.all])

    def for_job(self, device: str, memory_bytes: int) -> list[Place]:
        """The places where a job may run."""
        able = {member.id for member in self.fleet.able(device, memory_bytes)}
        return [place for place in self.all if place.worker.id in able]


def places(session: ReadSession) -> Places:
    """The places as they are now."""
    rows = session.execute(
        select(
            Worker.id,
            Worker.device,
            Worker.memory_bytes,
            Job.id,
            Job.priority,
            Job.preemptible,
            Job.intent,
            Job.queued_at,
        )
        .outerjoin(Job, and_(Job.worker_id == Worker.id, Job.state == "running"))
        .where(online())
        .order_by(Worker.id, Job.queued_at)
    )
    found = {}
    for worker_id, device, memory_bytes, job_id, priority, preemptible, intent, queued_at in rows:
        occupant = None
        if job_id is not None:
            occupant = Occupant(job_id, priority, preemptible, intent is not None, queued_at)
        # A worker whose supervisor was killed may hold two until the old lease ends; the newer one counts.
        found[worker_id] = Place(Member(worker_id, cast("WorkerDevice", device), memory_bytes), occupant)
    return Places(list(found.values()))
