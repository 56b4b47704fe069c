"""Rows of checkpoints as HTTP schemas."""

from typing import Any

from control.checkpoints import uploads
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import (
    CheckpointFile,
    CheckpointOut,
    CheckpointUploadOut,
    UploadedCheckpointOut,
)
from control.lifecycle.models import Job
from core.spec.stored import stored


def checkpoint_out(checkpoint: Checkpoint) -> CheckpointOut:
    """The HTTP schema of a checkpoint that a job wrote."""
    return CheckpointOut(**_facts(checkpoint), job=checkpoint.job_id)


def uploaded_out(checkpoint: Checkpoint, upload: Job) -> UploadedCheckpointOut:
    """The HTTP schema of an uploaded checkpoint."""
    return UploadedCheckpointOut(**_facts(checkpoint), job=None, name=upload.name, spec=stored(upload.spec))


def upload_out(upload: Job) -> CheckpointUploadOut:
    """The HTTP schema of an upload that is still open."""
    files = [
        CheckpointFile(path=name, bytes=file["bytes"], sha256=file["sha256"])
        for name, file in sorted(uploads.files_of(upload).items())
    ]
    return CheckpointUploadOut(
        id=uploads.checkpoint_id(upload),
        name=upload.name,
        bytes=upload.options["bytes"],
        files=files,
        created_at=upload.created_at,
    )


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "id": checkpoint.id,
        "attempt": checkpoint.attempt,
        "step": checkpoint.step,
        "bytes": checkpoint.bytes,
        "files": [CheckpointFile.model_validate(file) for file in checkpoint.manifest["files"]],
        "metrics": checkpoint.metrics,
        "manifest_sha256": checkpoint.manifest_sha256,
        "created_at": checkpoint.created_at,
    }
