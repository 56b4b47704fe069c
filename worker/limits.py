"""What becomes of an attempt that met a limit: of its time, or of the room for what it writes."""

import time
from dataclasses import dataclass

from control.jobs.service import Claim, Completed, Failed, Paused, Result, Stopped
from worker.room import NoRoom


@dataclass
class TimeLimit:
    """Of a job, over all its attempts.

    Attributes:
        seconds: The spec's; None for no limit.
        ends_at: When this attempt reaches it, by ``time.monotonic``.
        reached: Whether it was stopped for that.
    """

    seconds: float | None
    ends_at: float
    reached: bool = False

    @classmethod
    def of(cls, claim: Claim) -> "TimeLimit":
        """For an attempt that begins now. A short job has none."""
        seconds = claim.spec.get("resources", {}).get("max_seconds") if claim.purpose == "train" else None
        left = float("inf") if seconds is None else seconds - claim.seconds_used
        return cls(seconds, time.monotonic() + left)

    def reach(self, now: float) -> bool:
        """Whether it is reached; if so, `reached` says so from then on."""
        self.reached = self.reached or now >= self.ends_at
        return self.reached

    def failure(self, step: int, exit_code: int | None) -> Failed:
        """What the job ends with."""
        return Failed(
            "time_limit",
            f"The job has used up its resources.max_seconds ({self.seconds:,g} s) at step {step}.",
            "Retry it with a larger max_seconds, or null for no limit: it goes on from its last checkpoint.",
            exit_code=exit_code,
        )


def without_room(result: Result, error: NoRoom, claim: Claim, *, refused: bool) -> Result:
    """The result of an attempt that met the end of its room.

    Args:
        refused: Something that the run is for was not stored; else only the disk was found nearly full.
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
            error.code, error.detail, "Make room, then ask for it again.", exit_code=result.exit_code
        )
    return Paused(
        why="There is no room for what it writes",
        code="disk_low" if error.code == "storage_full" else error.code,
        detail=error.detail,
        hint="Make room, then resume it: it goes on from its last checkpoint.",
        exit_code=result.exit_code,
    )
