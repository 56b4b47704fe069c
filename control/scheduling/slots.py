"""Slots of the workers that are online, each with the job that it runs: which are free, and which could become free."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from control.db import ReadSession
from control.scheduling import repository
from control.workers.fleet import Fleet, Member, WorkerDevice


@dataclass(frozen=True)
class RunningJob:
    """A running job."""

    job_id: str
    priority: int
    preemptible: bool
    stopping: bool
    """Whether it was requested to stop, so that its slot becomes free."""
    since: datetime
    """When it last entered the queue; of two jobs, the later one loses less work."""


@dataclass(frozen=True)
class Slot:
    """Room for one job at a time."""

    worker: Member
    running: RunningJob | None


@dataclass(frozen=True)
class Slots:
    """All slots of the workers that are online."""

    all: Sequence[Slot]

    @property
    def fleet(self) -> Fleet:
        """Their workers."""
        return Fleet([slot.worker for slot in self.all])

    def for_job(self, device: str, memory_bytes: int) -> list[Slot]:
        """The slots where a job may run."""
        able = {member.id for member in self.fleet.able(device, memory_bytes)}
        return [slot for slot in self.all if slot.worker.id in able]


def slots(session: ReadSession) -> Slots:
    """The slots as they are now."""
    rows = repository.slots(session)
    found = {}
    for worker_id, device, memory_bytes, job_id, priority, preemptible, intent, queued_at in rows:
        running = None
        if job_id is not None:
            running = RunningJob(job_id, priority, preemptible, intent is not None, queued_at)
        # A worker whose supervisor was killed may hold two jobs until the older lease ends; the newer job counts.
        found[worker_id] = Slot(Member(worker_id, cast("WorkerDevice", device), memory_bytes), running)
    return Slots(list(found.values()))
