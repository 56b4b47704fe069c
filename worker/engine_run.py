"""The engine of one attempt, from its start to its exit: its events are read, it is asked to stop, it is killed."""

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
from worker.messages import Ended, Message, Told
from worker.uploads import Uploads

log = logging.getLogger(__name__)

_REAPING_SECONDS = 10.0
"""A killed engine's server has so long to tell of its end."""


class EngineRun:
    """At most one run of an engine.

    Args:
        kind: Of the short job; None for a job that trains.
        put: Takes messages for the supervisor's main thread.
        grace_seconds: Between the request to stop and `overdue`.

    Attributes:
        exit: How it ended, once the main thread has handled the message that it did.
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
        """Whether a stop was asked for, of an engine that runs or of one that was not started yet."""
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
            interrupted: It has to stop as soon as it is there.
            step: Handles messages, again and again until `exit` is set; may raise, and the engine is killed then.
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
        """The reader's thread: the pipe never fills, and checkpoints are linked before the engine can prune them."""
        for line in engine.events:
            try:
                event = json.loads(line)
            except ValueError:
                log.warning("the engine's last event was cut: %r", line[:200])
                continue
            self._put(Told(event))
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
        """Ask the engine to stop, once; the grace begins with the first request."""
        if self._stop_by is not None:
            return
        self._stop_by = time.monotonic() + self._grace_seconds
        if self._engine is not None:
            log.info("stopping the engine")
            self.interrupt()

    def interrupt(self) -> None:
        """Send SIGTERM to it, from any thread; no grace begins."""
        if self._engine is not None:
            self._engine.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, from any thread: the main one may be waiting for the database."""
        if self._engine is not None:
            self._engine.kill()

    def kill_if_overdue(self) -> None:
        """Kill it if it has not ended within the grace."""
        if self.overdue and self._engine is not None and self.exit is None:
            log.warning("the engine did not stop within the grace; killing it")
            self._engine.kill()
