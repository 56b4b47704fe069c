"""Progress reports, limited in frequency so that their cost is negligible."""

import time
from collections.abc import Callable

OnProgress = Callable[[str, int, int | None, str], None]
"""``(phase, done, total, unit)``. ``total`` is None where it is not known."""

_SECONDS = 0.5


class Progress:
    """The progress of one phase, reported at its start, at most twice a second, and at its end."""

    def __init__(self, on_progress: OnProgress | None, phase: str, total: int | None, unit: str) -> None:
        self._on_progress = on_progress
        self._phase = phase
        self._total = total
        self._unit = unit
        self._done = 0
        self._next = 0.0
        self.at(0)

    def at(self, done: int) -> None:
        """Set the number of units that are done."""
        self._done = done
        if self._on_progress and (now := time.monotonic()) >= self._next:
            self._next = now + _SECONDS
            self._on_progress(self._phase, done, self._total, self._unit)

    def add(self, amount: int) -> None:
        """Add to the number of units that are done."""
        self.at(self._done + amount)

    def finish(self) -> None:
        """Report that all units are done."""
        self._next = 0.0
        self.at(self._done if self._total is None else self._total)
