"""Rows of checkpoints → schemas for HTTP."""

from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointFile, CheckpointOut


def checkpoint_out(checkpoint: Checkpoint) -> CheckpointOut:
    """The HTTP schema of a checkpoint."""
    return CheckpointOut(
        id=checkpoint.id,
        job=checkpoint.job_id,
        attempt=checkpoint.attempt,
        step=checkpoint.step,
        bytes=checkpoint.bytes,
        files=[CheckpointFile.model_validate(file) for file in checkpoint.manifest["files"]],
        metrics=checkpoint.metrics,
        manifest_sha256=checkpoint.manifest_sha256,
        created_at=checkpoint.created_at,
    )
