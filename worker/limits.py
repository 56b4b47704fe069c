"""Limits of an attempt (time, the engine's memory, storage for what it writes), and its result when it meets one."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from control.jobs.service import Claim, Completed, Failed, Paused, Result, Stopped
from worker.memory import LOOK_SECONDS, MemoryLimit
from worker.resources import WorkerResources
from worker.room import NoRoom, Room

log = logging.getLogger(__name__)

_DISK_SECONDS = 2.0
"""Seconds between two checks of the free disk space."""


@dataclass
class TimeLimit:
    """The time limit of a job, over all its attempts.

    Attributes:
        seconds: ``resources.max_seconds`` of the spec; None for no limit.
        ends_at: When this attempt reaches the limit, by ``time.monotonic``.
        reached: Whether the attempt was stopped for it.
    """

    seconds: float | None
    ends_at: float
    reached: bool = False

    @classmethod
    def of(cls, claim: Claim) -> "TimeLimit":
        """The limit of an attempt that begins now. A short job has none."""
        seconds = claim.spec.get("resources", {}).get("max_seconds") if claim.purpose == "train" else None
        left = float("inf") if seconds is None else seconds - claim.seconds_used
        return cls(seconds, time.monotonic() + left)

    def reach(self, now: float) -> bool:
        """Whether the limit is reached; sets `reached` if so."""
        self.reached = self.reached or now >= self.ends_at
        return self.reached

    def failure(self, step: int, exit_code: int | None) -> Failed:
        """The failure of a job that has reached the limit."""
        return Failed(
            "time_limit",
            f"The job has used up its resources.max_seconds ({self.seconds:,g} s) at step {step}.",
            "Retry it with a larger max_seconds, or null for no limit: it goes on from its last checkpoint.",
            details={"case": "reached", "seconds": self.seconds, "step": step},
            exit_code=exit_code,
        )


def without_room(result: Result, error: NoRoom, claim: Claim, *, refused: bool) -> Result:
    """The result of an attempt that had no storage left.

    Args:
        refused: Whether a checkpoint, or files of a short job, were not stored; else only the disk is nearly full.
    """
    met = (
        isinstance(result, Stopped)
        or (isinstance(result, Completed) and refused)
        or (isinstance(result, Failed) and result.code == "disk_full")
    )
    if not met:
        return result
    if claim.purpose != "train":
        return Failed(
            error.code,
            error.detail,
            "Make room, then ask for it again.",
            error.params,
            exit_code=result.exit_code,
        )
    return Paused(
        code="disk_low" if error.code == "storage_full" else error.code,
        detail=error.detail,
        params=error.params,
        hint="Make room, then resume it: it goes on from its last checkpoint.",
        exit_code=result.exit_code,
    )


class Limits:
    """All limits of one attempt; used by its main thread only.

    Args:
        stop: Asks the engine to stop; may be called more than once.
        kill: Kills it.

    Attributes:
        room: Asked before something goes to storage.
    """

    def __init__(
        self,
        resources: WorkerResources,
        claim: Claim,
        *,
        stop: Callable[[], object],
        kill: Callable[[], object],
    ) -> None:
        self.room = Room(resources, claim)
        self._claim = claim
        self._stop = stop
        self._kill = kill
        self._time = TimeLimit.of(claim)
        self._memory = MemoryLimit.of(claim, resources.machine)
        self._next_memory_look = 0.0
        self._next_disk_look = 0.0
        self._no_room: NoRoom | None = None
        self._refused = False
        """Why a checkpoint, or files of a short job, could not be stored."""

    def handle(self, event: Mapping[str, Any]) -> None:
        """Handle an event of the engine: once the data is prepared, another memory limit applies."""
        self._memory.handle(event)

    def look(self, pid: int | None, *, stopping: bool) -> None:
        """Stop or kill an engine that has met a limit.

        Args:
            pid: The engine's process id; None before its start.
            stopping: Whether a stop was requested already.
        """
        now = time.monotonic()
        if not stopping and self._time.reach(now):
            log.info("the job has used up its time; stopping it")
            self._stop()
        if pid is not None and now >= self._next_memory_look:
            self._next_memory_look = now + LOOK_SECONDS
            if self._memory.reach(pid):
                log.warning("the engine takes more memory than its job may; killing it")
                self._kill()
        if self._no_room is None and now >= self._next_disk_look:
            self._next_disk_look = now + _DISK_SECONDS
            self._no_room = self.room.low()
            if self._no_room is not None:
                log.warning("the disk is nearly full; stopping the job")
                self._stop()

    def refuse(self, error: NoRoom) -> None:
        """Stop a run whose checkpoint or files could not be stored; what was stored before stays."""
        self._refused = True
        self._no_room = self._no_room or error
        self._stop()

    def memory_failure(self, step: int, exit_code: int | None) -> Failed | None:
        """The job's failure if the engine was killed for its memory; else None."""
        return None if self._memory.reached is None else self._memory.failure(step, exit_code)

    def applied(self, result: Result, step: int) -> Result:
        """The result of the attempt, replaced by the failure of a limit that it met."""
        if self._no_room is None and isinstance(result, Failed) and result.code == "disk_full":
            self._no_room = self.room.low()
        if self._no_room is not None:
            result = without_room(result, self._no_room, self._claim, refused=self._refused)
        if isinstance(result, Stopped) and self._time.reached:
            return self._time.failure(step, result.exit_code)
        return result
