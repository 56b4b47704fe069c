"""Rows of jobs and events → schemas for HTTP."""

from typing import Protocol

from control.lifecycle.models import Event
from control.lifecycle.schemas import EventOut, Progress


class ProgressColumns(Protocol):
    """The columns of a job from which its progress is computed: the job, or a row with these columns."""

    @property
    def state(self) -> str: ...
    @property
    def phase(self) -> str | None: ...
    @property
    def phase_fraction(self) -> float | None: ...
    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def steps_per_epoch(self) -> float | None: ...
    @property
    def seconds_per_step(self) -> float | None: ...


def progress(job: ProgressColumns) -> Progress:
    """Progress of a job."""
    eta = None
    if job.state == "running" and job.seconds_per_step is not None and job.steps is not None:
        eta = job.seconds_per_step * (job.steps - job.step)
    return Progress.model_validate(
        {
            "phase": job.phase,
            "phase_fraction": job.phase_fraction,
            "step": job.step,
            "steps": job.steps,
            "epoch": _epochs(job.step, job),
            "epochs": _epochs(job.steps, job),
            "fraction": job.step / job.steps if job.steps else 0.0,
            "eta_seconds": eta,
        }
    )


def _epochs(step: int | None, job: ProgressColumns) -> float | None:
    return None if step is None or not job.steps_per_epoch else step / job.steps_per_epoch


def event_out(event: Event) -> EventOut:
    """One event."""
    return EventOut(
        id=event.id,
        job=event.job_id,
        attempt=event.attempt,
        type=event.type,
        code=event.code,
        params=event.params,
        message=event.message,
        data=event.data,
        time=event.time,
    )
