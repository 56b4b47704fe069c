"""What a supervisor that was killed leaves to the next one of the same worker: the job it held.

The main process starts another supervisor at once. This one need not wait for the lease to run out: it knows that its
predecessor is dead, and the kernel has seen to the engine.
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
    """Kept in the worker's private directory.

    Args:
        directory: The same for every supervisor of one worker.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "held.json"

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """The job is held for the length of the block."""
        self._path.write_text(json.dumps([claim.job_id, claim.attempt]))
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)

    def settle(self, database: Engine, stop: threading.Event) -> None:
        """Give the predecessor's job back; a database that is away is waited for."""
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
