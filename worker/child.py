"""The process of Celery's pool: claims jobs one after another and supervises each."""

import logging
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from control.db import write
from control.errors import NotFound
from control.jobs.service import Claim, claim
from control.settings import Settings
from worker import logcontext, metrics
from worker.crash_recovery import CrashRecovery
from worker.device import Machine
from worker.parent_death import die_with_parent
from worker.predictions.service import PredictionService
from worker.registration import Registration
from worker.resources import WorkerResources
from worker.shutdown import ShutdownPipe
from worker.supervisor import Supervisor
from worker.wakeups import WakeupListener
from worker.write_queue import first_line, is_transient

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChildSettings:
    """Settings that the main process passes to the pool's process at the fork.

    Attributes:
        directory: Private, for sockets.
        engine_module: What ``python -m`` runs as the engine.
    """

    settings: Settings
    machine: Machine
    directory: Path
    engine_module: str
    shutdown: ShutdownPipe
    main_pid: int


class Child:
    """The state of one pool process; made right after the fork, in its main thread."""

    def __init__(self, child_settings: ChildSettings) -> None:
        die_with_parent(child_settings.main_pid)
        logcontext.install()
        self._stop = child_settings.shutdown.watch()
        self._busy = False
        self._terminated = False
        self._resources = WorkerResources.assemble(
            child_settings.settings,
            child_settings.machine,
            child_settings.directory,
            engine_module=child_settings.engine_module,
        )
        self._resources.engines.start()
        self._registration = Registration(
            self._resources.database,
            child_settings.machine,
            seconds=min(
                child_settings.settings.heartbeat_seconds, child_settings.settings.worker_online_seconds / 4
            ),
        )
        self._wakeup_listener = WakeupListener(
            child_settings.settings.redis_url, lambda: self._registration.worker_id(timeout=5.0)
        )
        self._predictions = PredictionService(
            self._resources, lambda: self._registration.worker_id(timeout=5.0)
        )
        self._crash_recovery = CrashRecovery(child_settings.directory)
        self._settled = threading.Thread(target=self._settle, name="settle", daemon=True)
        self._settled.start()
        metrics.serve(child_settings.settings)

    def answer(self, job_id: str) -> None:
        """Handle a wake-up message: claim and run jobs until none is left that this worker can run."""
        log.debug("wake-up message for job %s", job_id)
        # Not earlier: the pool puts its own handlers in place after the process's start.
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._resources.engines.start()
        self._settled.join()
        while not self._stop.is_set() and (found := self._claim()) is not None:
            self._busy = True
            try:
                with (
                    logcontext.about(found.job_id, found.attempt),
                    self._crash_recovery.holding(found),
                    metrics.busy.track_inprogress(),
                ):
                    log.info("taken")
                    Supervisor(self._resources, found, self._wakeup_listener, self._stop).run()
            finally:
                self._busy = False
        if self._terminated:
            raise SystemExit

    def close(self) -> None:
        """End this process's parts at the worker's graceful shutdown."""
        self._wakeup_listener.stop()
        self._predictions.stop()
        self._registration.stop()
        self._resources.engines.stop()
        self._resources.database.dispose()

    def _settle(self) -> None:
        """Clean up after killed supervisors: return this worker's job, remove run directories of all of the machine."""
        self._crash_recovery.settle(self._resources.database, self._stop)
        self._resources.cache.sweep()

    def _claim(self) -> Claim | None:
        worker_id = self._registration.worker_id(timeout=5.0)
        if worker_id is None:
            return None  # the leader sends another wake-up message
        try:
            with write(self._resources.database) as session:
                return claim(session, worker_id)
        except NotFound:
            return (
                None  # the database does not know this worker any more; the next heartbeat registers it again
            )
        except SQLAlchemyError as error:
            if not is_transient(error):
                raise
            log.warning("no job can be taken now: %s", first_line(error))
            return None

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM to this process or its group: the running job writes its checkpoint, then this process ends.

        The main process starts another one, unless it is ending too.
        """
        if not self._busy:
            os._exit(0)
        self._terminated = True
        self._stop.set()


_child: Child | None = None


def start(child_settings: ChildSettings) -> None:
    """Make this process's child."""
    global _child  # noqa: PLW0603 - Celery calls the task as a plain function
    _child = Child(child_settings)


def child() -> Child:
    """This process's child."""
    assert _child is not None, "the task runs in the pool's process alone"
    return _child


def close() -> None:
    """End this process's child, if it has one."""
    if _child is not None:
        _child.close()
