"""Checkpoints and their files."""

from datetime import datetime
from typing import Any

from seedbed.models.base import Resource


class CheckpointFile(Resource):
    path: str
    bytes: int
    sha256: str


class Checkpoint(Resource):
    id: str
    job: str
    attempt: int
    step: int
    bytes: int
    files: list[CheckpointFile]
    metrics: dict[str, Any]
    """Metrics of the last evaluation before it."""
    manifest_sha256: str
    created_at: datetime
