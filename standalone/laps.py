"""Durations of the demonstration's parts, for its last line."""

import time
from collections.abc import Callable


class Laps:
    """Measures the seconds between calls of `lap`.

    Args:
        installation_seconds: Seconds spent on installing before this process began, as text; None or 0 if none.
    """

    def __init__(
        self, installation_seconds: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._begun = self._before = clock()
        self._installation = int(installation_seconds or 0)
        self._laps: list[tuple[str, float]] = []

    def lap(self, what: str) -> None:
        """Record the time since the last call under the name `what`."""
        now = self._clock()
        self._laps.append((what, now - self._before))
        self._before = now

    def __str__(self) -> str:
        parts = [f"{what} {seconds:.0f} s" for what, seconds in self._laps]
        total = f"{self._before - self._begun:.0f} s"
        installed = f"installation {self._installation} s; then " if self._installation else ""
        return f"Took: {installed}{total} in all: {', '.join(parts)}."
