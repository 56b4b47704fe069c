"""What a job needs to run."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec


class ResourcesSpec(Spec):
    """Where a job may run, and how it behaves when its place is wanted or lost."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a GPU where a GPU worker is online, else the CPU."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """Attempts after the first that may end by a crash or a lost worker before the job fails.
    Stops that were asked for (pause, worker shutdown, preemption) do not count."""
    max_seconds: Annotated[float, Field(gt=0, le=10**9)] | None = None
    """The longest that a worker may spend on the job, all attempts together, preparing its data included. It then writes a
    checkpoint and fails as ``time_limit``; a retry with a larger limit goes on from there. ``null`` for no limit. A run
    without a service does not know it."""
    preemptible: bool = False
    """A job of higher priority may make this one checkpoint, return to the queue and continue later."""
