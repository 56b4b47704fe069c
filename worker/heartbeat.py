"""The heartbeat: renews the lease from a thread of its own, and reads whether a pause, a cancel or a preemption was requested."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from control.db import write
from control.jobs.service import LeaseLost, heartbeat
from control.lifecycle.leases import Phase
from control.lifecycle.schemas import Intent
from worker import metrics
from worker.lease import Lease
from worker.write_queue import first_line

log = logging.getLogger(__name__)

_SOONEST_SECONDS = 0.5
"""Least seconds between two heartbeats, however often the phase changes."""


@dataclass(frozen=True)
class Progress:
    """The progress of an attempt.

    Attributes:
        phase: ``staging``, ``preparing``, ``training`` or ``saving``.
        fraction: The finished part of the phase, 0 to 1; None if unknown.
        step: The newest step.
    """

    phase: Phase
    fraction: float | None = None
    step: int | None = None


class Heartbeat:
    """Sends heartbeats until it is stopped, or the lease is lost.

    Args:
        intent: Called with each change of the request on the job (such as to pause or to cancel it).
        lost: Called once, when this attempt does not hold the job any more.
    """

    def __init__(
        self,
        database: Engine,
        job_id: str,
        attempt: int,
        lease: Lease,
        *,
        seconds: float,
        intent: Callable[[Intent], object],
        lost: Callable[[LeaseLost], object],
    ) -> None:
        self._database = database
        self._job_id = job_id
        self._attempt = attempt
        self._lease = lease
        self._seconds = seconds
        self._intent = intent
        self._lost = lost
        self._progress = Progress("staging")
        self._reported: tuple[Phase, float | None] | None = None
        self._announced: Intent | None = None
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def progress(self, progress: Progress) -> None:
        """Set what the next heartbeat reports; a new phase or fraction makes the next one come soon."""
        before, self._progress = self._progress, progress
        if (before.phase, before.fraction) != (progress.phase, progress.fraction):
            self._wake.set()

    def soon(self) -> None:
        """Send a heartbeat now, or as soon as the least interval allows: there is a request on the job."""
        self._wake.set()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._beat()
            except LeaseLost as error:
                self._lost(error)
                return
            except SQLAlchemyError as error:
                metrics.database_failures.inc()
                log.warning("a heartbeat did not reach the database: %s", first_line(error))
                pause = min(1.0, self._seconds)
            else:
                pause = self._seconds
            if self._stopped.wait(min(_SOONEST_SECONDS, pause)):
                return
            self._wake.wait(max(0.0, pause - _SOONEST_SECONDS))
            self._wake.clear()

    def _beat(self) -> None:
        asked_at = time.monotonic()
        progress = self._progress
        # Steps are reported with the metrics. Only a change of phase is published, because that wakes all listeners.
        is_news = (progress.phase, progress.fraction) != self._reported
        with write(self._database) as session:
            intent = heartbeat(
                session,
                self._job_id,
                self._attempt,
                phase=progress.phase if is_news else None,
                phase_fraction=progress.fraction if is_news else None,
                step=progress.step if is_news else None,
            )
        self._reported = (progress.phase, progress.fraction)
        self._lease.renewed(asked_at)
        if intent is not None and intent != self._announced:
            self._announced = intent
            self._intent(intent)
