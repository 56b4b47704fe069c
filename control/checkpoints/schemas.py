"""HTTP schemas of checkpoints."""

from datetime import datetime
from typing import Literal

from control.schemas import JsonObject, Resource


class CheckpointFile(Resource):
    path: str
    bytes: int
    sha256: str


class CheckpointOut(Resource):
    object: Literal["checkpoint"] = "checkpoint"
    id: str
    job: str
    attempt: int
    step: int
    bytes: int
    files: list[CheckpointFile]
    metrics: JsonObject
    """Metrics of the last evaluation before it: name → value."""
    manifest_sha256: str
    created_at: datetime
