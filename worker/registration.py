"""Registers the worker: writes its row at the start, refreshes it while it runs, closes it at a graceful shutdown."""

import logging
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from control.db import write
from control.errors import NotFound
from control.workers import service as workers
from worker.device import Machine
from worker.write_queue import first_line

log = logging.getLogger(__name__)


class Registration:
    """Keeps the row up to date from a thread of its own; tries again while the database is unreachable.

    Args:
        seconds: Seconds between two heartbeats of the worker.
    """

    def __init__(self, database: Engine, machine: Machine, *, seconds: float) -> None:
        self._database = database
        self._machine = machine
        self._seconds = seconds
        self._worker_id: str | None = None
        self._registered = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registration", daemon=True)
        self._thread.start()

    def worker_id(self, *, timeout: float) -> str | None:
        """This worker's id; None while it could not be registered."""
        self._registered.wait(timeout)
        return self._worker_id

    def stop(self) -> None:
        """Mark the worker as stopped, if the database can be reached at once."""
        self._stopped.set()
        self._thread.join(timeout=10.0)
        if self._worker_id is None or self._thread.is_alive():
            return
        try:
            with write(self._database) as session:
                workers.stopped(session, self._worker_id)
        except SQLAlchemyError as error:
            log.warning("the worker ends, but the database could not be told: %s", first_line(error))

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._sign()
            except SQLAlchemyError as error:
                log.warning("the worker cannot be registered now: %s", first_line(error))
                self._stopped.wait(1.0)
            else:
                self._stopped.wait(self._seconds)

    def _sign(self) -> None:
        if self._worker_id is not None:
            try:
                with write(self._database) as session:
                    workers.beat(session, self._worker_id)
            except NotFound:
                self._worker_id = None  # the database does not know this worker any more
                self._registered.clear()
        if self._worker_id is None:
            with write(self._database) as session:
                worker_id = workers.register(
                    session,
                    name=self._machine.name,
                    device=self._machine.device,
                    device_name=self._machine.device_name,
                    memory_bytes=self._machine.memory_bytes,
                    threads=self._machine.threads,
                    version=self._machine.version,
                    details=self._machine.details,
                )
            self._worker_id = worker_id
            self._registered.set()
            log.info("this worker is %s (%s)", worker_id, self._machine.device_name)
