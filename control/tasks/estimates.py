"""Estimates: a few real steps of a job that was not submitted, on the worker that would run it."""

from control.db import ReadSession, WriteSession
from control.errors import Conflict
from control.jobs.admission import examine
from control.jobs.models import Job
from control.jobs.submission import refuse
from control.tasks import service
from control.tasks.schemas import EstimateOut, EstimateResult
from control.workers.fleet import fleet
from core.spec import JobSpec

STEPS = 100
"""Of an estimate's progress: percent."""


def create(session: WriteSession, project_id: str, spec: JobSpec, *, largest_batch: bool) -> Job:
    """Have a spec tried.

    Args:
        largest_batch: Find out as well how many samples fit on the device at once.

    Raises:
        SeedbedError: whatever `control.jobs.submission.submit` refuses.
        Conflict: ``no_worker_online``: nobody could do it now.
    """
    admission = examine(session, project_id, spec)
    refuse(admission.errors)
    assert spec.dataset is not None
    memory = admission.estimate.memory_bytes
    if not fleet(session).able(spec.resources.device, memory):
        device = spec.resources.device
        raise Conflict(
            "no_worker_online",
            f"No worker{'' if device == 'auto' else f' with {device}'} is online that could try this job. Start one "
            "(`seedbed-server worker`), then ask again.",
            param="resources.device",
        )
    return service.submit(
        session,
        "estimate",
        spec,
        project_id=project_id,
        dataset_id=spec.dataset,
        device=spec.resources.device,
        memory_bytes=memory,
        steps=STEPS,
        options={"largest_batch": largest_batch},
    )


def estimate_out(session: ReadSession, task: Job) -> EstimateOut:
    """An estimate as it goes over HTTP."""
    return EstimateOut.model_validate(
        {
            **service.facts(session, task),
            "spec": JobSpec.model_validate(task.spec),
            "result": None if task.result is None else EstimateResult.model_validate(task.result),
        }
    )
