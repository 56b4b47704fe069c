"""Settings of where and how a job may run: device, retry limit, time limit, preemption."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec


class ResourcesSpec(Spec):
    """Where a job may run, and what happens at a crash, a time limit or a job of higher priority."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a GPU where a GPU worker is online, else the CPU."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """Retry limit: attempts after the first that may end by a crash or a lost worker before the job fails. Requested
    stops (pause, worker shutdown, preemption) do not count."""
    max_seconds: Annotated[float, Field(gt=0, le=10**9)] | None = None
    """Time limit of the job on workers, over all attempts together, data preparation included. It then writes a
    checkpoint and fails as ``time_limit``; a retry with a larger limit resumes from it. ``null`` for no limit. A run
    without a service ignores it."""
    preemptible: bool = False
    """Whether a job of higher priority may preempt this one: it writes a checkpoint, returns to the queue and
    resumes later."""
