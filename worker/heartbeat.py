"""Renews the lease, from a thread of its own, and brings back what was asked of the job."""

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
"""Between two beats, however often the phase changes."""


@dataclass(frozen=True)
class Progress:
    """What an attempt is at.

    Attributes:
        phase: ``staging``, ``preparing``, ``training`` or ``saving``.
        fraction: Of the phase; None if unknown.
        step: The newest step.
    """

    phase: Phase
    fraction: float | None = None
    step: int | None = None


class Heartbeat:
    """Beats until it is stopped, or the lease is lost.

    Args:
        intent: Told of each change of what was asked of the job.
        lost: Told, once, that the attempt is somebody else's.
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
        self._told: Intent | None = None
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def progress(self, progress: Progress) -> None:
        """What to tell with the next beat; a new phase, or a fraction, is told soon."""
        before, self._progress = self._progress, progress
        if (before.phase, before.fraction) != (progress.phase, progress.fraction):
            self._wake.set()

    def soon(self) -> None:
        """Beat now, or as soon as may be: something is asked of the job."""
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
        # Steps travel with the metrics: only a change of phase is news, and news wakes everybody who watches.
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
        if intent is not None and intent != self._told:
            self._told = intent
            self._intent(intent)
