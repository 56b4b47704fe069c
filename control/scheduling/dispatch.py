"""Who should be told what, so that no place stays empty while work waits. Pure; `control.maintenance.service` carries it out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from control.broker import Queue
from control.scheduling.slots import Occupant, Place, Places


@dataclass(frozen=True)
class Waiting:
    """A queued job."""

    id: str
    device: str
    memory_bytes: int
    priority: int
    queued_at: datetime
    preempts: bool = True
    """Running jobs of lower priority may have to give way to it."""


@dataclass(frozen=True)
class Plan:
    """What to do."""

    rings: dict[Queue, list[str]] = field(default_factory=lambda: defaultdict(list))
    """For each queue, jobs that a worker which has nothing to do could take: so many doorbells it needs."""
    preempt: dict[str, str] = field(default_factory=dict)
    """Running job → the job of higher priority that it should make room for."""


def plan(head: Sequence[Waiting], now: Places) -> Plan:
    """Give each job at the head of the queue a place: one that is free, else one that becomes so, else one whose job
    may be preempted for it.

    Among those the job of the lowest priority goes, and of equals the one that came last: it has the least to lose.
    """
    result = Plan()
    taken: set[str] = set()
    for job in sorted(head, key=lambda job: (-job.priority, job.queued_at)):
        able = [p for p in now.for_job(job.device, job.memory_bytes) if p.worker.id not in taken]
        place = _first_free(able) or _first_stopping(able)
        if place is None:
            place, victim = _victim(able, job.priority) if job.preempts else (None, None)
            if place is None or victim is None:
                continue
            result.preempt[victim.job_id] = job.id
        elif place.occupant is None:
            result.rings[place.worker.queue].append(job.id)
        taken.add(place.worker.id)
    return result


def _first_free(able: Sequence[Place]) -> Place | None:
    return next((place for place in able if place.occupant is None), None)


def _first_stopping(able: Sequence[Place]) -> Place | None:
    return next((place for place in able if place.occupant is not None and place.occupant.stopping), None)


def _victim(able: Sequence[Place], priority: int) -> tuple[Place | None, Occupant | None]:
    def order(pair: tuple[Place, Occupant]) -> tuple[int, float]:
        return pair[1].priority, -pair[1].since.timestamp()

    preemptible = [
        (place, place.occupant)
        for place in able
        if place.occupant is not None and place.occupant.preemptible and place.occupant.priority < priority
    ]
    return min(preemptible, key=order, default=(None, None))
