"""Which workers get a wake-up and which jobs are preempted, so that no slot stays empty while jobs wait. Pure; `control.maintenance.service` carries it out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from control.broker import Queue
from control.scheduling.slots import RunningJob, Slot, Slots


@dataclass(frozen=True)
class Waiting:
    """A queued job."""

    id: str
    device: str
    memory_bytes: int
    priority: int
    queued_at: datetime
    preempts: bool = True
    """Whether running jobs of lower priority may be preempted for it."""


@dataclass(frozen=True)
class Plan:
    """Result of `plan`."""

    wakeups: dict[Queue, list[str]] = field(default_factory=lambda: defaultdict(list))
    """For each queue, the number of jobs that an idle worker could take, which is the number of wake-ups to send."""
    preempt: dict[str, str] = field(default_factory=dict)
    """Running job → the job of higher priority that it is preempted for."""


def plan(head: Sequence[Waiting], now: Slots) -> Plan:
    """Give each job at the head of the queue a slot: a free one, else one that becomes free, else one whose job
    may be preempted for it.

    The job of the lowest priority is preempted, and of equals the one that was queued last: it loses the least work.
    """
    result = Plan()
    taken: set[str] = set()
    for job in sorted(head, key=lambda job: (-job.priority, job.queued_at)):
        able = [p for p in now.for_job(job.device, job.memory_bytes) if p.worker.id not in taken]
        slot = _first_free(able) or _first_stopping(able)
        if slot is None:
            slot, victim = _victim(able, job.priority) if job.preempts else (None, None)
            if slot is None or victim is None:
                continue
            result.preempt[victim.job_id] = job.id
        elif slot.running is None:
            result.wakeups[slot.worker.queue].append(job.id)
        taken.add(slot.worker.id)
    return result


def _first_free(able: Sequence[Slot]) -> Slot | None:
    return next((slot for slot in able if slot.running is None), None)


def _first_stopping(able: Sequence[Slot]) -> Slot | None:
    return next((slot for slot in able if slot.running is not None and slot.running.stopping), None)


def _victim(able: Sequence[Slot], priority: int) -> tuple[Slot | None, RunningJob | None]:
    def order(pair: tuple[Slot, RunningJob]) -> tuple[int, float]:
        return pair[1].priority, -pair[1].since.timestamp()

    preemptible = [
        (slot, slot.running)
        for slot in able
        if slot.running is not None and slot.running.preemptible and slot.running.priority < priority
    ]
    return min(preemptible, key=order, default=(None, None))
