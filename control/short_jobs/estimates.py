"""Estimates: a few real steps of a job that was not submitted, on the worker that would run it."""

from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.short_jobs import service
from control.short_jobs.schemas import EstimateOut, EstimateResult
from control.short_jobs.trials import admit
from core.spec.job import JobSpec

STEPS = 100
"""Of an estimate's progress: percent."""


def create(session: WriteSession, project_id: str, spec: JobSpec, *, largest_batch: bool) -> Job:
    """Have a spec tried.

    Args:
        largest_batch: Find out as well how many samples fit on the device at once.

    Raises:
        SeedbedError: whatever `admit` refuses.
    """
    admission = admit(session, project_id, spec)
    assert spec.dataset is not None
    return service.submit(
        session,
        "estimate",
        spec,
        project_id=project_id,
        dataset_id=spec.dataset,
        device=spec.resources.device,
        memory_bytes=admission.estimate.memory_bytes,
        steps=STEPS,
        options={"largest_batch": largest_batch},
    )


def estimate_out(session: ReadSession, short_job: Job) -> EstimateOut:
    """An estimate as it goes over HTTP."""
    return EstimateOut.model_validate(
        {
            **service.facts(session, short_job),
            "spec": JobSpec.model_validate(short_job.spec),
            "result": None if short_job.result is None else EstimateResult.model_validate(short_job.result),
        }
    )
