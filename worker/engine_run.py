"""Runs the engine of one attempt, from its start to its exit: reads its events, stops it, or kills it."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from control.short_jobs.kind import Kind
from worker.engine import Engine, Exit
from worker.messages import Ended, EngineEvent, Message
from worker.uploads import Uploads

log = logging.getLogger(__name__)

_REAPING_SECONDS = 10.0
"""Seconds within which the server must report the end of a killed engine."""


class EngineRun:
    """At most one run of an engine.

    Args:
        kind: The kind of the short job; None for a job that trains.
        put: Passes a message to the supervisor's main thread.
        grace_seconds: Seconds between the request to stop and `overdue`.

    Attributes:
        exit: How the engine ended; set when the main thread has handled the message `Ended`.
    """

    def __init__(
        self, kind: Kind[Any] | None, put: Callable[[Message], object], *, grace_seconds: float
    ) -> None:
        self._kind = kind
        self._put = put
        self._grace_seconds = grace_seconds
        self._engine: Engine | None = None
        self._stop_by: float | None = None
        self.exit: Exit | None = None

    @property
    def pid(self) -> int | None:
        """None before its start."""
        return None if self._engine is None else self._engine.pid

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested, of a running engine or of one that is not started yet."""
        return self._stop_by is not None

    @property
    def overdue(self) -> bool:
        """Whether the grace after the first request to stop is over."""
        return self._stop_by is not None and time.monotonic() > self._stop_by

    def follow(
        self, engine: Engine, uploads: Uploads, *, interrupted: bool, step: Callable[[], object]
    ) -> Exit:
        """Read an engine's events until it has ended.

        Args:
            interrupted: Whether to stop the engine right after its start.
            step: Handles messages; called again and again until `exit` is set. If it raises, the engine is killed.
        """
        self._engine = engine
        if interrupted:
            self.interrupt()
        reader = threading.Thread(target=self._read, args=(engine, uploads), name="reader", daemon=True)
        reader.start()
        try:
            while self.exit is None:
                step()
        finally:
            if self.exit is None:
                engine.kill()
            reader.join(_REAPING_SECONDS)
            engine.close()
            reader.join()
        return self.exit

    def _read(self, engine: Engine, uploads: Uploads) -> None:
        """Read events in a thread of their own, so that the pipe never fills and checkpoints are linked before the engine
        can prune them."""
        for line in engine.events:
            try:
                event = json.loads(line)
            except ValueError:
                log.warning("the engine's last event was cut: %r", line[:200])
                continue
            self._put(EngineEvent(event))
            match event["event"]:
                case "checkpoint":
                    uploads.checkpoint(event)
                case "sample":
                    uploads.sample(event)
                case name if (
                    self._kind is not None and self._kind.files is not None and name == self._kind.event
                ):
                    uploads.files(Path(event["path"]))
        uploads.no_more()
        self._put(Ended(engine.wait()))

    def stop(self) -> None:
        """Ask the engine to stop, once; the grace period begins with the first request."""
        if self._stop_by is not None:
            return
        self._stop_by = time.monotonic() + self._grace_seconds
        if self._engine is not None:
            log.info("stopping the engine")
            self.interrupt()

    def interrupt(self) -> None:
        """Send SIGTERM to it, from any thread; this does not begin the grace period."""
        if self._engine is not None:
            self._engine.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, from any thread, because the main thread may be waiting for the database."""
        if self._engine is not None:
            self._engine.kill()

    def kill_if_overdue(self) -> None:
        """Kill it if it has not ended within the grace period."""
        if self.overdue and self._engine is not None and self.exit is None:
            log.warning("the engine did not stop within the grace period; killing it")
            self._engine.kill()
