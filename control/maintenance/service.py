"""The leader's rounds: work that no request causes.

Jobs with expired leases go back to the queue, lost wake-ups are sent again, jobs of low priority are preempted, further stages of lineages are submitted, and the files of dropped
checkpoints and of what was deleted leave the storage. Each step is safe to repeat, and safe beside another leader: the election only saves work.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from control.broker import QUEUES, Broker
from control.checkpoints.purging import purge
from control.checkpoints.repository import to_purge
from control.db import ReadSession, WriteSession, glance, read, write
from control.lifecycle.intents import preempt
from control.lifecycle.outcomes import lease_expired
from control.lifecycle.repository import lock_expired
from control.lineages import repository as lineages
from control.lineages.advance import advance
from control.maintenance import repository
from control.maintenance.leader_election import Leadership
from control.maintenance.removals import LEFT_AFTER, carry_out_left
from control.scheduling import repository as scheduling
from control.scheduling.dispatch import Plan, Waiting, plan
from control.scheduling.slots import Slots, slots
from control.settings import Settings
from control.storage import Storage

log = logging.getLogger(__name__)

_BATCH = 100
_PURGE_AFTER = timedelta(seconds=60)
"""How long the files of a dropped checkpoint stay, for downloads that have just begun."""


class Maintenance:
    """Runs in a thread of every API process; one process is the leader.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        storage: Storage,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._storage = storage
        self._settings = settings
        self._clock = clock
        self._leadership = Leadership(engine)
        self._trust_leases_from: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Run rounds until `stop` is set; a failed round is logged and the next one runs."""
        try:
            while not stop.is_set():
                try:
                    self.round()
                except Exception:
                    log.exception(
                        "a round of upkeep failed; the next is in %g s", self._settings.reaper_seconds
                    )
                stop.wait(self._settings.reaper_seconds)
        finally:
            self.close()

    def close(self) -> None:
        """Stop being the leader."""
        self._leadership.release()

    def round(self) -> bool:
        """Run one round if this process is the leader; returns whether it is.

        A new leader, or one that has just got the database back, first lets supervisors that could not
        reach it either renew their leases: losing contact must not cost a healthy job its attempt.
        """
        try:
            if not self._leadership.hold():
                self._trust_leases_from = None
                return False
            now = self._clock()
            if self._trust_leases_from is None:
                self._trust_leases_from = now + 2 * self._settings.heartbeat_seconds
            with glance(self._engine) as session:
                due = repository.due(session, purge_after=_PURGE_AFTER, left_after=LEFT_AFTER)
            if due.leases and now >= self._trust_leases_from:
                self.expire_leases()
        except SQLAlchemyError:
            self._trust_leases_from = None
            raise
        # Leases must expire even if Redis or the storage is unreachable.
        steps = (
            (self.advance_lineages, due.lineages),
            (self.dispatch, due.queue),
            (self.purge_checkpoints, due.files),
            (self.remove_deleted, due.removals),
        )
        for step, needed in steps:
            try:
                if needed:
                    step()
            except Exception:
                log.warning("upkeep could not %s", step.__name__, exc_info=True)
        return True

    def expire_leases(self) -> list[str]:
        """Take back jobs whose leases have expired; returns their ids."""
        expired: list[str] = []
        while True:
            with write(self._engine) as session:
                jobs = lock_expired(session, _BATCH)
                for job in jobs:
                    lease_expired(session, job)
                expired += [job.id for job in jobs]
            if len(jobs) < _BATCH:
                return expired

    def advance_lineages(self) -> list[str]:
        """Submit the next stages of lineages whose newest stage has succeeded; returns the ids of the jobs."""
        with read(self._engine) as session:
            waiting = lineages.due(session, _BATCH)
        submitted = []
        for lineage_id in waiting:
            try:
                with write(self._engine) as session:
                    job_id = advance(session, lineage_id)
            except Exception:
                # One lineage must not hold up the others.
                log.exception("the next stage of %s could not be submitted; trying again later", lineage_id)
                continue
            submitted += [] if job_id is None else [job_id]
        return submitted

    def dispatch(self) -> Plan:
        """Send wake-up messages for free slots while jobs wait, and preempt jobs for urgent ones."""
        with read(self._engine) as session:
            now = slots(session)
            head = [row for offer in _widest(now) for row in _head(session, *offer)]
        found = plan(head, now)
        for victim, urgent in found.preempt.items():
            with write(self._engine) as session:
                _preempt(session, victim, urgent)
        for queue in QUEUES:
            jobs = found.wakeups.get(queue, [])
            # One pending wake-up is enough: more would accumulate while workers are busy.
            for job_id in jobs[self._broker.backlog(queue) if jobs else 0 :]:
                self._broker.wake(queue, job_id)
        return found

    def purge_checkpoints(self) -> list[str]:
        """Remove the files of dropped checkpoints from storage; returns the checkpoints' ids."""
        with read(self._engine) as session:
            dropped = to_purge(session, _PURGE_AFTER, _BATCH)
        for checkpoint_id, prefix in dropped:
            purge(self._engine, self._storage, checkpoint_id, prefix)
        return [checkpoint_id for checkpoint_id, _ in dropped]

    def remove_deleted(self) -> list[str]:
        """Carry out overdue removals and remove orphaned files; returns keys and prefixes."""
        return carry_out_left(self._engine, self._storage)


def _widest(now: Slots) -> list[tuple[str, int]]:
    """For each value of ``device`` that some worker takes, the largest memory that one takes it with."""
    widest: dict[str, int] = {}
    for member in now.fleet.members:
        for offer in now.fleet.offers(member):
            if offer.above < offer.upto:
                widest[offer.device] = max(offer.upto, widest.get(offer.device, 0))
    return list(widest.items())


def _head(session: ReadSession, device: str, memory_bytes: int) -> list[Waiting]:
    rows = scheduling.waiting(session, device, memory_bytes, _BATCH)
    return [Waiting(*row) for row in rows]


def _preempt(session: WriteSession, victim_id: str, urgent_id: str) -> None:
    job = scheduling.lock_preemptible(session, victim_id)
    if job is None:
        return
    preempt(session, job, urgent_id)
