"""Short jobs: jobs of another purpose than training.

A short job is a row of `control.jobs` like any other: it waits in the same queue, is claimed, fenced and taken back in the same
way, and its row holds its state. It differs in what the worker runs for it, in that it has a ``result``, and in that no
list of jobs shows it. docs/decisions/0008 gives the reasons; `control.short_jobs.kind` describes a kind.
"""

from typing import Any

from pydantic import BaseModel

from control.checkpoints import service as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.uploads import is_uploaded
from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.jobs.deletion import delete_short_job
from control.lifecycle import repository as lifecycle
from control.lifecycle.events import record
from control.lifecycle.intents import request
from control.lifecycle.models import Job
from control.short_jobs import repository
from control.short_jobs.kind import FromCheckpoint, FromCheckpointAndData, Kind, OnDataset
from control.short_jobs.subject import subject
from control.short_jobs.trials import admit
from control.storage import Storage
from control.workers.wakeups import wake_for
from core.spec.job import JobSpec
from core.spec.stored import stored


def create_from_spec(
    session: WriteSession, kind: Kind[Any], project_id: str, spec: JobSpec, options: BaseModel
) -> Job:
    """Create a short job on a spec, for a job that was not submitted.

    It goes to a worker that could run the job, so that the job can reuse the data that it prepares.

    Raises:
        SeedbedError: whatever `admit` refuses.
    """
    admission = admit(session, project_id, spec)
    spec = admission.spec
    assert spec.dataset is not None  # otherwise `admit` has refused it
    return _submit(
        session,
        kind,
        spec,
        options.model_dump(mode="json"),
        project_id=project_id,
        dataset_id=spec.dataset,
        device=spec.resources.device,
        memory_bytes=admission.estimate.memory_bytes,
        checkpoint=admission.start,
        teacher=admission.teacher,
    )


def create_from_checkpoint(
    session: WriteSession, kind: Kind[Any], project_id: str, checkpoint_id: str, options: BaseModel
) -> Job:
    """Create a short job on a checkpoint, or return an equal one that is queued, runs or has succeeded.

    Raises:
        NotFound: ``checkpoint_not_found``.
        SeedbedError: the options do not fit the checkpoint.
    """
    start = kind.starts_from
    assert isinstance(start, FromCheckpoint)
    # The row of the job is locked, so that two equal requests at once get the same short job, and retention and deletions wait.
    owner = checkpoints.get(session, project_id, checkpoint_id).job_id
    parent = lifecycle.lock_by_id(session, owner)
    checkpoint = checkpoints.get(session, project_id, checkpoint_id)
    assert parent is not None  # a deleted job has no checkpoints
    spec = stored(parent.spec)
    start.require_fit(options, spec)
    asked = options.model_dump(mode="json") | {"step": checkpoint.step}
    known = repository.same(session, kind.name, checkpoint.id, asked)
    if known is not None:
        return known
    return _submit(
        session,
        kind,
        spec,
        asked,
        project_id=project_id,
        dataset_id=parent.dataset_id,
        device=start.device(spec),
        memory_bytes=start.memory_bytes(spec, _weights_bytes(checkpoint)),
        checkpoint=checkpoint,
    )


def create_from_checkpoint_and_data(
    session: WriteSession, kind: Kind[Any], project_id: str, asked: OnDataset
) -> Job:
    """Ask for a short job about a checkpoint and a dataset; the same that waits, runs or has succeeded is not done again.

    Raises:
        NotFound: ``checkpoint_not_found``.
        SeedbedError: the dataset or the second checkpoint cannot be used; ``param`` names the field.
    """
    start = kind.starts_from
    assert isinstance(start, FromCheckpointAndData)
    found = subject(session, project_id, asked)
    options = asked.model_dump(mode="json") | found.facts
    known = repository.same(session, kind.name, found.checkpoint.id, options)
    if known is not None:
        return known
    return _submit(
        session,
        kind,
        found.spec,
        options,
        project_id=project_id,
        dataset_id=found.dataset_id,
        device=start.device(found.spec),
        memory_bytes=max(start.memory_bytes(spec) for spec in found.specs),
        checkpoint=found.checkpoint,
        against=found.against,
    )


def _weights_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the files that `transformers` opens, without the trainer's state."""
    files = checkpoint.manifest["files"]
    return sum(file["bytes"] for file in files if not file["path"].startswith("trainer/"))


def _submit(
    session: WriteSession,
    kind: Kind[Any],
    spec: JobSpec,
    options: dict[str, Any],
    *,
    project_id: str,
    dataset_id: str,
    device: str,
    memory_bytes: int,
    checkpoint: Checkpoint | None = None,
    against: Checkpoint | None = None,
    teacher: Checkpoint | None = None,
) -> Job:
    row = Job(
        id=new_id(kind.prefix),
        project_id=project_id,
        dataset_id=dataset_id,
        purpose=kind.name,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        options=options,
        parent_job_id=checkpoint.job_id if checkpoint and not is_uploaded(checkpoint) else None,
        parent_checkpoint_id=checkpoint.id if checkpoint else None,
        against_checkpoint_id=against.id if against else None,
        teacher_checkpoint_id=teacher.id if teacher else None,
        priority=kind.priority,
        device=device,
        memory_bytes=memory_bytes,
        max_retries=kind.retries,
        steps=kind.steps,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    wake_for(session, row.id, device=row.device, memory_bytes=row.memory_bytes)
    record(session, row, "accepted")
    return row


def get(session: ReadSession, kind: Kind[Any], project_id: str, short_job_id: str) -> Job:
    """A short job of the project.

    Raises:
        NotFound: ``estimate_not_found`` and so on, by the kind's name.
    """
    row = lifecycle.of_project(session, project_id, short_job_id, purpose=kind.name)
    if row is None:
        raise NotFound(
            f"{kind.name}_not_found",
            f"There is no {kind.name} {short_job_id} in this project.",
            params={kind.name: short_job_id},
        )
    return row


def list_of_job(session: ReadSession, kind: Kind[Any], job_id: str) -> list[Job]:
    """The short jobs of this kind on a job's checkpoints, newest first; at most `Kind.listed`."""
    return repository.of_job(session, kind.name, job_id, limit=kind.listed)


def cancel(session: WriteSession, kind: Kind[Any], project_id: str, short_job_id: str) -> Job:
    """Stop a short job, or remove it from the queue.

    Raises:
        NotFound: as `get`.
        InvalidTransition: it has ended.
    """
    get(session, kind, project_id, short_job_id)
    return request(session, project_id, short_job_id, "cancel", purpose=kind.name)


def delete(
    session: WriteSession, storage: Storage, kind: Kind[Any], project_id: str, short_job_id: str
) -> None:
    """Delete a short job that is over; the files that it made leave the storage after the commit.

    Raises:
        NotFound: as `get`.
        Conflict: ``not_over``: cancel it first.
    """
    get(session, kind, project_id, short_job_id)
    delete_short_job(session, storage, project_id, kind.name, short_job_id)
