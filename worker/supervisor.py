"""Runs one attempt of a job, and writes its progress and its result to the database.

Only the main thread writes about the attempt. Other threads read the engine's events, send heartbeats, watch the lease
and upload files. They send messages to the main thread, so no state is shared and the order of writes is clear.

- The lease is lost: the engine is killed at once and nothing more is written.
- The database is unreachable: writes wait; the engine goes on until the lease has certainly expired, and then stops at a
  checkpoint. If this attempt still holds the job when the database answers again, nothing is lost.
- A stop is requested: SIGTERM, the grace period, SIGKILL. What was committed before remains.
"""

import logging
import queue
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from control.db import WriteSession, write
from control.jobs.service import Claim, Completed, Failed, LeaseLost, Result, Stopped, finish, note
from control.removals.service import remove_prefixes
from control.short_jobs.registry import kinds
from worker import metrics
from worker.engine import EngineUnavailableError
from worker.engine_events import EngineEvents
from worker.engine_run import EngineRun
from worker.heartbeat import Heartbeat, Progress
from worker.lease import Lease
from worker.limits import Limits
from worker.logs import LogKeeper
from worker.messages import Ended, EngineEvent, LeaseTaken, Message, StopRequested
from worker.missing_task import missing_task
from worker.outcome import judge
from worker.resources import WorkerResources
from worker.tracking.attempt import AttemptTracking
from worker.tracking.process import Trouble
from worker.uploads import (
    FilesUploaded,
    Refused,
    SampleDropped,
    SampleUploaded,
    Superseded,
    Uploaded,
    UploadFailed,
    Uploads,
)
from worker.wakeups import WakeupListener
from worker.workspace import StagingError, Workspace
from worker.write_queue import WriteQueue, first_line, is_transient

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
"""Most seconds that the main thread waits before it checks the clock and the worker's shutdown again."""


class _StopEarly(Exception):
    """A stop was requested before the engine ran."""


class _GiveUp(Exception):
    """The worker must end, and the attempt's result cannot be written to the database; the lease will expire."""


class Supervisor:
    """One attempt, from its claim to its end.

    Args:
        resources: The worker's.
        claim: What to run.
        wakeup_listener: Calls back when there is a request on the job.
        worker_stops: Set when the worker itself shall stop.
    """

    def __init__(
        self,
        resources: WorkerResources,
        claim: Claim,
        wakeup_listener: WakeupListener,
        worker_stops: threading.Event,
    ) -> None:
        self._resources = resources
        self._claim = claim
        self._wakeup_listener = wakeup_listener
        self._worker_stops = worker_stops
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._engine = EngineRun(
            kinds().get(claim.purpose),
            self._inbox.put,
            grace_seconds=resources.settings.stop_grace_seconds,
        )
        self._limits = Limits(resources, claim, stop=self._engine.stop, kill=self._engine.kill)
        self._failed_upload: UploadFailed | None = None
        self._tracking = AttemptTracking(
            resources.tracking, claim, self._inbox.put, self._trouble_after_the_end
        )
        self._write_queue = WriteQueue(resources.database, claim.job_id, claim.attempt)

    def run(self) -> None:
        """Run the attempt. The database holds its result afterwards; failures of the job are not raised."""
        name = f"{self._claim.job_id}-{self._claim.attempt}"
        try:
            with self._resources.cache.run(name) as directory, ExitStack() as stack:
                stack.callback(self._tracking.close)
                self._lease = Lease(
                    self._claim.lease_seconds,
                    self._lease_expired,
                    grace_seconds=min(self._claim.lease_seconds, self._resources.settings.stop_grace_seconds),
                    on_overdue=self._engine.kill,
                )
                stack.callback(self._lease.release)
                self._heartbeat = Heartbeat(
                    self._resources.database,
                    self._claim.job_id,
                    self._claim.attempt,
                    self._lease,
                    seconds=self._resources.settings.heartbeat_seconds,
                    intent=lambda intent: self._inbox.put(StopRequested(intent)),
                    lost=self._lease_lost,
                )
                stack.callback(self._heartbeat.stop)
                stack.enter_context(self._wakeup_listener.listening(self._heartbeat.soon))
                self._engine_events = EngineEvents(
                    self._claim, self._write_queue, self._heartbeat, self._limits.refuse, self._give_back
                )
                self._run_in(directory)
        except LeaseLost as error:
            metrics.attempts.labels("lease_lost").inc()
            log.warning("the attempt is given up: %s", error.detail)
        except _GiveUp:
            metrics.attempts.labels("given_up").inc()
            log.warning("the worker stops while the database is away; the job's lease will run out")

    def _run_in(self, directory: Path) -> None:
        try:
            result = self._attempt(directory)
        except (LeaseLost, _GiveUp):
            raise
        except Exception:
            log.exception("the supervisor failed")
            self._write_queue = WriteQueue(self._resources.database, self._claim.job_id, self._claim.attempt)
            result = Failed(
                "worker_failed",
                "The worker met an unexpected error; look at its log.",
                retryable=True,
            )
        self._finish(result)

    def _attempt(self, directory: Path) -> Result:
        workspace = Workspace(
            self._resources,
            self._claim,
            directory,
            abort_check=self._check_abort,
            damaged=self._engine_events.damaged,
        )
        uploads = Uploads(
            self._resources.storage, self._prefix, workspace.uploads, self._inbox.put, room=self._limits.room
        )
        self._log = LogKeeper(
            workspace.log,
            self._write_queue,
            self._claim.job_id,
            self._claim.attempt,
            limit=self._resources.settings.log_bytes,
        )
        try:
            result = self._result(workspace, uploads)
            self._settle(uploads)
        except BaseException:
            uploads.abandon()
            raise
        result = self._limits.applied(result, self._engine_events.step)
        if isinstance(result, Completed):
            return self._complete(result)
        if self._lease.expired.is_set() and not isinstance(result, Failed):
            seconds = self._claim.lease_seconds
            return Stopped(code="database_unreachable", params={"seconds": seconds})
        return result

    def _result(self, workspace: Workspace, uploads: Uploads) -> Result:
        if (missing := missing_task(self._claim, self._resources.machine.name)) is not None:
            return missing
        try:
            return self._run_engine(workspace, uploads)
        except StagingError as error:
            return error.failure
        except EngineUnavailableError as error:
            return Failed(
                "engine_unavailable",
                f"The engine did not start: {error}.",
                details={"error": str(error)},
                retryable=True,
            )
        except _StopEarly:
            return Stopped()

    @property
    def _prefix(self) -> str:
        return f"jobs/{self._claim.job_id}/attempt-{self._claim.attempt}"

    def _run_engine(self, workspace: Workspace, uploads: Uploads) -> Result:
        with workspace.staged() as arguments, workspace.log.open("ab") as output:
            self._heartbeat.progress(Progress("preparing"))
            self._check_abort()
            engine = self._resources.engines.launch(
                arguments, directory=workspace.out, log=output, abort_check=self._check_abort
            )
            log.info("the engine runs, pid %d", engine.pid)
            end = self._engine.follow(
                engine, uploads, interrupted=self._lease.expired.is_set(), step=self._step_once
            )
        log.info("the engine has ended: %s", end)
        step = self._engine_events.step
        return self._limits.memory_failure(step, end.code) or judge(
            end,
            self._engine_events.last,
            stop_asked=self._engine.stopping or self._lease.expired.is_set(),
            step=step,
        )

    def _lease_expired(self) -> None:
        """Stop the engine, since another worker may hold the job by now; called from the lease's thread."""
        log.error("the lease has expired and the database does not answer; stopping the engine")
        self._engine.interrupt()

    def _lease_lost(self, error: LeaseLost) -> None:
        """Handle the loss of the lease; called from the heartbeat's thread."""
        self._engine.kill()
        self._inbox.put(LeaseTaken(error))

    def _step_once(self) -> None:
        """Wait for a message or for a write that is due; handle all waiting messages; write.

        Raises:
            LeaseLost: another attempt holds the job.
        """
        due = self._write_queue.due_in()
        try:
            self._handle(self._inbox.get(timeout=_TICK_SECONDS if due is None else min(due, _TICK_SECONDS)))
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            pass
        self._check_limits_and_stop()
        self._log.look()
        self._write_queue.flush()

    def _handle(self, message: Message) -> None:  # noqa: C901 - one case a message
        match message:
            case EngineEvent(event):
                self._limits.handle(event)
                self._engine_events.handle(event)
                self._tracking.handle(event)
            case Ended(end):
                self._engine.exit = end
            case StopRequested(intent):
                log.info("asked to %s", intent)
                self._engine.stop()
            case Trouble():
                self._engine_events.sink_trouble(message)
            case LeaseTaken(error):
                raise error
            case Uploaded():
                self._engine_events.uploaded(message)
            case UploadFailed():
                self._failed_upload = message
                self._engine_events.upload_failed(message)
            case Refused():
                self._engine_events.refused(message)
            case Superseded():
                self._engine_events.superseded(message)
            case SampleUploaded():
                self._engine_events.shown(message)
            case SampleDropped():
                self._engine_events.not_shown(message)
            case FilesUploaded():
                self._engine_events.made(message)

    def _trouble_after_the_end(self, trouble: Trouble) -> None:
        """Record a sink's trouble once the attempt has ended; called from the sink's thread."""
        params = {"sink": trouble.sink, "error": trouble.error}
        try:
            with write(self._resources.database) as session:
                note(session, self._claim.job_id, trouble.code, params, data={"code": trouble.code})
        except SQLAlchemyError as error:
            log.warning("the trouble of %s cannot be recorded: %s", trouble.sink, first_line(error))

    def _give_back(self, session: WriteSession, prefix: str) -> None:
        remove_prefixes(session, self._resources.storage, [prefix])

    def _check_limits_and_stop(self) -> None:
        if self._worker_stops.is_set():
            self._engine.stop()
        if self._engine.exit is None:
            self._limits.look(self._engine.pid, stopping=self._engine.stopping)
        self._engine.kill_if_overdue()

    def _check_abort(self) -> None:
        """Check for a lost lease or a stop between blocks of staging.

        Raises:
            LeaseLost: another attempt holds the job, or may hold it.
            _StopEarly: a stop was requested.
        """
        while True:
            try:
                self._handle(self._inbox.get_nowait())
            except queue.Empty:
                break
        self._check_limits_and_stop()
        self._write_queue.flush()
        if self._engine.stopping or self._lease.expired.is_set():
            raise _StopEarly

    def _settle(self, uploads: Uploads) -> None:
        """After the engine's end: wait for the uploads, store the log, and write everything to the database."""
        while self._engine_events.uploading and not self._engine.overdue:
            self._step_once()
        if self._engine_events.uploading:
            uploads.abandon()
        elif self._log.exists:
            self._log.upload(
                uploads, f"{self._prefix}/log.txt", until=self._step_once, room=self._limits.room
            )
            uploads.close()
        while not self._write_queue.idle:
            self._step_once()
            if self._write_queue.failing and self._out_of_time:
                raise _GiveUp

    def _complete(self, result: Completed) -> Result:
        """Complete the run only if its checkpoints, or a short job's files, are in storage; else a failure."""
        if self._engine_events.uploading and self._engine_events.result is not None:
            return Stopped(code="worker_shut_down_storing")
        if self._failed_upload is None:
            return replace(result, result=self._engine_events.result)
        return Failed(
            "not_stored",
            f"{self._failed_upload.what} did not reach storage: {self._failed_upload.error}",
            "Check the storage and its free space; a retry continues from the last checkpoint that is there.",
            details={"step": self._failed_upload.step, "error": str(self._failed_upload.error)},
            retryable=True,
            exit_code=result.exit_code,
        )

    def _finish(self, result: Result) -> None:
        while True:
            try:
                with write(self._resources.database) as session:
                    finish(session, self._claim.job_id, self._claim.attempt, result)
            except SQLAlchemyError as error:
                if not is_transient(error):
                    raise
                log.warning("the end of the attempt cannot be written yet: %s", first_line(error))
            else:
                metrics.attempts.labels(type(result).__name__.lower()).inc()
                log.info("the attempt has ended: %s", result)
                return
            if self._out_of_time:
                raise _GiveUp
            self._step_once()

    @property
    def _out_of_time(self) -> bool:
        return self._worker_stops.is_set() and self._engine.overdue
