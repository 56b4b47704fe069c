"""Tasks: jobs of another purpose than training.

A task is a row of `control.jobs` like any other: it waits in the same queue, is claimed, fenced and reaped in the same
way, and its row is the truth. It differs in what the worker runs for it, in that it has a ``result``, and in that no
list of jobs shows it. docs/decisions/0008 tells why.
"""

from typing import Any, Literal

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.jobs import repository
from control.jobs.deletion import delete_task
from control.jobs.events import record
from control.jobs.intents import request
from control.jobs.models import Job
from control.jobs.schemas import Failure
from control.scheduling.waiting import waiting_reasons
from control.scheduling.wakeups import ring_for
from control.storage import Storage
from core.spec.job import JobSpec

TaskPurpose = Literal["estimate", "export", "preview"]

_PREFIXES: dict[TaskPurpose, Literal["est", "exp", "prv"]] = {
    "estimate": "est",
    "export": "exp",
    "preview": "prv",
}
_PRIORITY = 100
"""Somebody waits for it and it is short, so it goes first. It makes no running job give way (`control.scheduling.dispatch`)."""
_RETRIES = 1


def submit(
    session: WriteSession,
    purpose: TaskPurpose,
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
    """Put a task into the queue.

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
    ring_for(session, job)
    record(session, job, "queued", "Accepted.")
    return job


def get(session: ReadSession, project_id: str, purpose: TaskPurpose, task_id: str) -> Job:
    """A task of the project.

    Raises:
        NotFound: ``estimate_not_found``, ``export_not_found``, ``preview_not_found``.
    """
    task = repository.of_project(session, project_id, task_id, purpose=purpose)
    if task is None:
        raise NotFound(f"{purpose}_not_found", f"There is no {purpose} {task_id} in this project.")
    return task


def cancel(session: WriteSession, project_id: str, purpose: TaskPurpose, task_id: str) -> Job:
    """Stop a task, or take it out of the queue.

    Raises:
        NotFound: as `get`.
        InvalidTransition: it is over.
    """
    get(session, project_id, purpose, task_id)
    return request(session, project_id, task_id, "cancel", purpose=purpose)


def delete(
    session: WriteSession, storage: Storage, project_id: str, purpose: TaskPurpose, task_id: str
) -> None:
    """Delete a task that is over; the files that it made leave the storage after the commit.

    Raises:
        NotFound: as `get`.
        Conflict: ``not_over``: cancel it first.
    """
    get(session, project_id, purpose, task_id)
    delete_task(session, storage, project_id, purpose, task_id)


def facts(session: ReadSession, task: Job) -> dict[str, Any]:
    """What every kind of task tells of itself."""
    return {
        "id": task.id,
        "state": task.state,
        "waiting_reason": waiting_reasons(session, [task]).get(task.id),
        "phase": task.phase,
        "phase_fraction": task.phase_fraction,
        "worker": task.worker_id,
        "failure": None if task.failure is None else Failure.model_validate(task.failure),
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
    }
