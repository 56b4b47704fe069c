"""How often a run writes at most, whatever its spec asks for: a disk and a database have an end.

What is left out depends on the time alone and never touches the training: the steps' numbers are the same, and any
checkpoint that was written continues to the same bits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_CHECKPOINT_BYTES = 256 << 20
"""So much of checkpoints a process writes as often as its spec asks for. A short run of a small network stays below."""
FREE_POINTS = 10_000
"""So many times a process tells its measures as often as its spec asks for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds between two writes beyond what is free; 0 for no limit."""

    checkpoint_seconds: float = 0.0
    point_seconds: float = 0.0


class Cadence:
    """Says whether it is time to write what a spec asks for. The last step, and stops, do not ask.

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
        """When a checkpoint was last written; and when one that stays (``retention.keep_every``) was."""
        self._points = 0
        self._told_at = 0.0

    def allows_checkpoint(self, *, stays: bool) -> bool:
        """Whether a checkpoint that is due may be written.

        Args:
            stays: ``retention.keep_every`` asks for it. Those have a clock of their own, so that the others between
                them do not crowd them out.
        """
        seconds, last = self._limits.checkpoint_seconds, self._saved_at.get(stays)
        if self._checkpoint_bytes < FREE_CHECKPOINT_BYTES or last is None or self._clock() - last >= seconds:
            return True
        self._warn_once(
            "checkpoints_too_frequent",
            f"Checkpoints fall due faster than one in {seconds:g} s. From here on one is written at most so often; the "
            "last step and every stop still write one.",
        )
        return False

    def saved(self, size: int, *, stays: bool) -> None:
        """A checkpoint of `size` bytes was written, for whatever reason."""
        self._checkpoint_bytes += size
        for kind in {False, stays}:
            self._saved_at[kind] = self._clock()

    def allows_point(self) -> bool:
        """Whether measures that are due may be told; if so, they count as told."""
        seconds = self._limits.point_seconds
        if self._points >= FREE_POINTS and self._clock() - self._told_at < seconds:
            self._warn_once(
                "points_too_frequent",
                f"Measures fall due faster than once in {seconds:g} s. From here on they are told at most so often; the "
                "last step still tells its own.",
            )
            return False
        self._points += 1
        self._told_at = self._clock()
        return True

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            self._warn(code, message)
