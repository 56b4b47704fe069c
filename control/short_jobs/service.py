"""Short jobs: jobs of another purpose than training.

A short job is a row of `control.jobs` like any other: it waits in the same queue, is claimed, fenced and reaped in the same
way, and its row is the truth. It differs in what the worker runs for it, in that it has a ``result``, and in that no
list of jobs shows it. docs/decisions/0008 tells why.
"""

from typing import Any, Literal

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.jobs.deletion import delete_short_job
from control.lifecycle import repository
from control.lifecycle.events import record
from control.lifecycle.intents import request
from control.lifecycle.models import Job
from control.lifecycle.schemas import Failure
from control.scheduling.waiting import waiting_reasons
from control.storage import Storage
from control.workers.wakeups import wake_for
from core.spec.job import JobSpec

ShortJobKind = Literal["estimate", "export", "preview"]

_PREFIXES: dict[ShortJobKind, Literal["est", "exp", "prv"]] = {
    "estimate": "est",
    "export": "exp",
    "preview": "prv",
}
_PRIORITY = 100
"""Somebody waits for it and it is short, so it goes first. It makes no running job give way (`control.scheduling.dispatch`)."""
_RETRIES = 1


def submit(
    session: WriteSession,
    purpose: ShortJobKind,
    spec: JobSpec,
    *,
    project_id: str,
    dataset_id: str,
    device: str,
    memory_bytes: int,
    steps: int,
    options: dict[str, Any],
    checkpoint: tuple[str, str] | None = None,
) -> Job:
    """Put a short job into the queue.

    Args:
        steps: What its progress counts to.
        options: What the worker must know besides the spec.
        checkpoint: Ids of a job and of its checkpoint that the worker needs.
    """
    parent_job, parent_checkpoint = checkpoint or (None, None)
    job = Job(
        id=new_id(_PREFIXES[purpose]),
        project_id=project_id,
        dataset_id=dataset_id,
        purpose=purpose,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        options=options,
        parent_job_id=parent_job,
        parent_checkpoint_id=parent_checkpoint,
        priority=_PRIORITY,
        device=device,
        memory_bytes=memory_bytes,
        max_retries=_RETRIES,
        steps=steps,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    wake_for(session, job.id, device=job.device, memory_bytes=job.memory_bytes)
    record(session, job, "queued", "Accepted.")
    return job


def get(session: ReadSession, project_id: str, purpose: ShortJobKind, short_job_id: str) -> Job:
    """A short job of the project.

    Raises:
        NotFound: ``estimate_not_found``, ``export_not_found``, ``preview_not_found``.
    """
    short_job = repository.of_project(session, project_id, short_job_id, purpose=purpose)
    if short_job is None:
        raise NotFound(f"{purpose}_not_found", f"There is no {purpose} {short_job_id} in this project.")
    return short_job


def cancel(session: WriteSession, project_id: str, purpose: ShortJobKind, short_job_id: str) -> Job:
    """Stop a short job, or take it out of the queue.

    Raises:
        NotFound: as `get`.
        InvalidTransition: it is over.
    """
    get(session, project_id, purpose, short_job_id)
    return request(session, project_id, short_job_id, "cancel", purpose=purpose)


def delete(
    session: WriteSession, storage: Storage, project_id: str, purpose: ShortJobKind, short_job_id: str
) -> None:
    """Delete a short job that is over; the files that it made leave the storage after the commit.

    Raises:
        NotFound: as `get`.
        Conflict: ``not_over``: cancel it first.
    """
    get(session, project_id, purpose, short_job_id)
    delete_short_job(session, storage, project_id, purpose, short_job_id)


def facts(session: ReadSession, short_job: Job) -> dict[str, Any]:
    """What every kind of short job tells of itself."""
    return {
        "id": short_job.id,
        "state": short_job.state,
        "waiting_reason": waiting_reasons(session, [short_job]).get(short_job.id),
        "phase": short_job.phase,
        "phase_fraction": short_job.phase_fraction,
        "worker": short_job.worker_id,
        "failure": None if short_job.failure is None else Failure.model_validate(short_job.failure),
        "created_at": short_job.created_at,
        "started_at": short_job.started_at,
        "finished_at": short_job.finished_at,
    }
