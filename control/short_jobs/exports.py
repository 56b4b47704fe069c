"""Exports: a checkpoint in another format, made by a worker and kept in object storage."""

from sqlalchemy import select

from control.checkpoints import service as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointFile
from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.short_jobs import service
from control.short_jobs.schemas import ExportFormat, ExportOut, ExportResult
from core.spec.job import JobSpec

_MEMORY_FACTOR = 4
"""The weights, the traced network's, the file's, and the runtime's that checks it."""


def create(session: WriteSession, project_id: str, checkpoint_id: str, export_format: ExportFormat) -> Job:
    """Have a checkpoint exported; one that was, or is being, is not exported again.

    Raises:
        NotFound: ``checkpoint_not_found``.
    """
    # Its job's row is locked, so that two who ask at once get the same export, and retention and deletions wait.
    owner = checkpoints.get(session, project_id, checkpoint_id).job_id
    parent = session.get(Job, owner, with_for_update=True, populate_existing=True)
    checkpoint = checkpoints.get(session, project_id, checkpoint_id)
    assert parent is not None  # its checkpoints go with it
    known = _present(session, checkpoint, export_format)
    if known is not None:
        return known
    return service.submit(
        session,
        "export",
        JobSpec.model_validate(parent.spec),
        project_id=project_id,
        dataset_id=parent.dataset_id,
        device="cpu",
        memory_bytes=_MEMORY_FACTOR * _weights_bytes(checkpoint),
        steps=1,
        options={"format": export_format, "step": checkpoint.step},
        checkpoint=(parent.id, checkpoint.id),
    )


def _weights_bytes(checkpoint: Checkpoint) -> int:
    """Of what `transformers` opens, the trainer's state left out."""
    files = checkpoint.manifest["files"]
    return sum(file["bytes"] for file in files if not file["path"].startswith("trainer/"))


def _present(session: ReadSession, checkpoint: Checkpoint, export_format: ExportFormat) -> Job | None:
    return session.scalars(
        select(Job)
        .where(
            Job.parent_checkpoint_id == checkpoint.id,
            Job.purpose == "export",
            Job.options["format"].astext == export_format,
            Job.state.in_(("queued", "running", "succeeded")),
        )
        .order_by(Job.id.desc())
        .limit(1)
    ).one_or_none()


def list_of_job(session: ReadSession, job_id: str) -> list[Job]:
    """Exports of a job's checkpoints, newest first; at most 200."""
    return list(
        session.scalars(
            select(Job)
            .where(Job.parent_job_id == job_id, Job.purpose == "export")
            .order_by(Job.id.desc())
            .limit(200)
        )
    )


def export_out(session: ReadSession, short_job: Job) -> ExportOut:
    """An export as it goes over HTTP."""
    result = short_job.result or {}
    files = [CheckpointFile.model_validate(file) for file in result.get("files", ())]
    return ExportOut.model_validate(
        {
            **service.facts(session, short_job),
            "checkpoint": short_job.parent_checkpoint_id,
            "job": short_job.parent_job_id,
            "step": short_job.options["step"],
            "format": short_job.options["format"],
            "files": files,
            "bytes": sum(file.bytes for file in files),
            "result": None if short_job.result is None else ExportResult.model_validate(result),
        }
    )


def prefix(short_job: Job) -> str:
    """Where a finished export's files are in storage."""
    assert short_job.result is not None
    found: str = short_job.result["prefix"]
    return found
