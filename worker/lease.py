"""The supervisor's own view of its lease: a clock that ends the engine when the lease surely has expired."""

import threading
import time
from collections.abc import Callable


class Lease:
    """Counts from the moment before each renewal was *asked for*, so it never believes longer than the database does.

    A thread of its own watches, because the others may be waiting for a database that does not answer.

    Args:
        seconds: Length of the lease.
        on_expiry: Called once, from the watching thread: the job may be somebody else's now.
        grace_seconds: After that,
        on_overdue: is called, once: whatever was still going on must end.
        clock: Seconds that only go forward; the one that `renewed` is told in.
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
        """The database has granted the lease anew; `asked_at` is the clock's time before the question."""
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
