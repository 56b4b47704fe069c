"""Watches the lease by the supervisor's own clock, and stops the engine when the lease has certainly expired."""

import threading
import time
from collections.abc import Callable


class Lease:
    """Counts from the moment before each renewal was *requested*, so it never ends later than the database's lease.

    It has a thread of its own, because the other threads may be waiting for a database that does not answer.

    Args:
        seconds: Length of the lease.
        on_expiry: Called once, from the watching thread: another worker may hold the job now.
        grace_seconds: Seconds from the expiry to `on_overdue`.
        on_overdue: Called once, from the watching thread: whatever still runs must end.
        clock: A monotonic clock in seconds; `renewed` takes times of the same clock.
    """

    def __init__(
        self,
        seconds: float,
        on_expiry: Callable[[], object],
        *,
        grace_seconds: float,
        on_overdue: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._on_expiry = on_expiry
        self._grace_seconds = grace_seconds
        self._on_overdue = on_overdue
        self._clock = clock
        self._deadline = clock() + seconds
        self._changed = threading.Condition()
        self._released = False
        self.expired = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lease", daemon=True)
        self._thread.start()

    def renewed(self, asked_at: float) -> None:
        """Note a renewal of the lease by the database; `asked_at` is the clock's time before the request."""
        with self._changed:
            self._deadline = max(self._deadline, asked_at + self._seconds)
            self._changed.notify()

    def release(self) -> None:
        """Stop watching."""
        with self._changed:
            self._released = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while (remaining := self._deadline - self._clock()) > 0 and not self._released:
                self._changed.wait(remaining)
            if self._released:
                return
            self.expired.set()
        self._on_expiry()
        with self._changed:
            if self._changed.wait_for(lambda: self._released, self._grace_seconds):
                return
        self._on_overdue()
