"""Returns the job of a killed supervisor to the queue, by the next supervisor of the same worker.

The main process starts another supervisor at once. It need not wait until the lease expires: it knows that the supervisor
before it is dead, and the kernel has killed the engine.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from control.db import write
from control.jobs.service import Claim, Failed, LeaseLost, finish
from worker.write_queue import first_line, is_transient

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class CrashRecovery:
    """The record of the job that is held, a file in the worker's private directory.

    Args:
        directory: The same for every supervisor of one worker.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "held.json"

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Record that this supervisor holds the job, for the length of the block."""
        self._path.write_text(json.dumps([claim.job_id, claim.attempt]))
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)

    def settle(self, database: Engine, stop: threading.Event) -> None:
        """Return the killed supervisor's job to the queue; tries again while the database is unreachable."""
        try:
            job_id, attempt = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return  # there was none, or it was killed in between
        self._path.unlink()
        lost = Failed(
            "worker_crashed",
            "The process that supervised it was killed.",
            "Look at the log of the worker's machine; then retry the job: it continues from its last checkpoint.",
            retryable=True,
        )
        while not stop.is_set():
            try:
                with contextlib.suppress(LeaseLost), write(database) as session:
                    finish(session, job_id, attempt, lost)
            except SQLAlchemyError as error:
                if not is_transient(error):
                    raise
                log.warning("cannot give %s back yet: %s", job_id, first_line(error))
                stop.wait(_PAUSE_SECONDS)
            else:
                log.info("%s is given back: its supervisor was killed", job_id)
                return
