"""Rate limits for checkpoints and measures, whatever the spec asks for, because disk and database space are limited.

Which writes are left out depends on the time alone and never affects the training: the steps' numbers are the same, and
a run that resumes from any written checkpoint computes the same bits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_CHECKPOINT_BYTES = 256 << 20
"""Bytes of checkpoints that a process writes before the limit applies. A short run of a small network stays below."""
FREE_POINTS = 10_000
"""Number of times that a process reports measures before the limit applies."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Least seconds between two writes once the free amount is used up; 0 for no limit."""

    checkpoint_seconds: float = 0.0
    point_seconds: float = 0.0


class Cadence:
    """Decides whether a write that is due by the spec is allowed now. The last step and stops always write.

    Args:
        warn: Takes a code and a sentence, once for each limit that is met.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        warn: Callable[[str, str], object] = lambda _code, _message: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._warn = warn
        self._clock = clock
        self._warned: set[str] = set()
        self._checkpoint_bytes = 0
        self._saved_at: dict[bool, float] = {}
        """Time of the last checkpoint, and of the last one that is kept for good (``retention.keep_every``)."""
        self._points = 0
        self._told_at = 0.0

    def allows_checkpoint(self, *, stays: bool) -> bool:
        """Whether a checkpoint that is due may be written.

        Args:
            stays: ``retention.keep_every`` asks for it. These have a time of their own, so that the other checkpoints
                do not use up their allowance.
        """
        seconds, last = self._limits.checkpoint_seconds, self._saved_at.get(stays)
        if self._checkpoint_bytes < FREE_CHECKPOINT_BYTES or last is None or self._clock() - last >= seconds:
            return True
        self._warn_once(
            "checkpoints_too_frequent",
            f"Checkpoints are due more often than every {seconds:g} s. From now on the time between two is at "
            "least that; the last step and every stop still write one.",
        )
        return False

    def saved(self, size: int, *, stays: bool) -> None:
        """Record that a checkpoint of `size` bytes was written, for any reason."""
        self._checkpoint_bytes += size
        for kind in {False, stays}:
            self._saved_at[kind] = self._clock()

    def allows_point(self) -> bool:
        """Whether measures that are due may be reported; if so, they count as reported."""
        seconds = self._limits.point_seconds
        if self._points >= FREE_POINTS and self._clock() - self._told_at < seconds:
            self._warn_once(
                "points_too_frequent",
                f"Measures are due more often than every {seconds:g} s. From now on the time between two is at "
                "least that; the last step still reports its measures.",
            )
            return False
        self._points += 1
        self._told_at = self._clock()
        return True

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            self._warn(code, message)
