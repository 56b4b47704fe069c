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
    job: str | None
    """The job that wrote it; None if it was uploaded."""
    name: str | None = None
    """Of an uploaded one."""
    attempt: int
    step: int
    bytes: int
    files: list[CheckpointFile]
    metrics: dict[str, Any]
    """Metrics of the last evaluation before it."""
    manifest_sha256: str
    created_at: datetime
    spec: dict[str, Any] | None = None
    """Of an uploaded one: the spec of a job that could have written it. A job that starts from it takes from here what it leaves
    out."""
