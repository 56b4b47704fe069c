"""Queues a supervisor's writes to the database: in order, in batches, and kept until they are committed."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from control.db import WriteSession, write
from control.jobs.service import Point, record_points

log = logging.getLogger(__name__)

Write = Callable[[WriteSession], object]

_BATCH_SECONDS = 0.1
"""Seconds between two commits: the first point is written at once, those that follow closely share a transaction."""
_BATCH_POINTS = 5000
_BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0)


class WriteQueue:
    """The writes of one attempt; used by one thread only.

    While the database does not answer, all writes stay in the queue and are tried again. The caller watches the lease and
    decides when it is too late.
    """

    def __init__(self, database: Engine, job_id: str, attempt: int) -> None:
        self._database = database
        self._job_id = job_id
        self._attempt = attempt
        self._waiting: deque[Write | list[Point]] = deque()
        self._due = 0.0
        self._failures = 0

    @property
    def idle(self) -> bool:
        """Whether all writes are committed."""
        return not self._waiting

    @property
    def failing(self) -> bool:
        """Whether the database did not take the last write."""
        return self._failures > 0

    def points(self, step: int, moment: float, values: Mapping[str, Any]) -> None:
        """Metric values of one step; ``moment`` in Unix seconds. Values may be ``"nan"`` and the like."""
        when = datetime.fromtimestamp(moment, UTC)
        points = [Point(name, step, float(value), when) for name, value in values.items()]
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, list) and len(last) < _BATCH_POINTS:
            last += points
        else:
            self._waiting.append(points)

    def add(self, action: Write) -> None:
        """Queue another write, after everything queued before."""
        self._waiting.append(action)

    def due_in(self) -> float | None:
        """Seconds until `flush` would do something; None when there is nothing to write."""
        return max(0.0, self._due - time.monotonic()) if self._waiting else None

    def flush(self) -> bool:
        """Write what is due, in one transaction.

        Returns:
            Whether all writes are committed.

        Raises:
            LeaseLost: this attempt does not hold the job any more; nothing of this batch was written.
        """
        now = time.monotonic()
        if not self._waiting:
            return True
        if now < self._due:
            return False
        batch = list(self._waiting)
        try:
            with write(self._database) as session:
                for item in batch:
                    if isinstance(item, list):
                        record_points(session, self._job_id, self._attempt, item)
                    else:
                        item(session)
        except (OperationalError, InterfaceError, PoolTimeoutError, DBAPIError) as error:
            if not is_transient(error):
                raise
            pause = _BACK_OFF_SECONDS[min(self._failures, len(_BACK_OFF_SECONDS) - 1)]
            self._failures += 1
            self._due = time.monotonic() + pause
            log.warning(
                "the database did not take a write; trying again in %.1f s: %s", pause, first_line(error)
            )
            return False
        for _ in batch:
            self._waiting.popleft()
        self._failures = 0
        self._due = now + _BATCH_SECONDS
        return not self._waiting


def is_transient(error: Exception) -> bool:
    """Whether the error is temporary (database unreachable or busy) rather than caused by the statement."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
