"""HTTP schemas of checkpoints."""

from datetime import datetime
from typing import Literal

from control.schemas import Body, JsonObject, Resource
from core.spec.stored import StoredSpec
from core.spec.text import Name


class CheckpointFile(Resource):
    path: str
    bytes: int
    sha256: str


class CheckpointFacts(Resource):
    """What every checkpoint has."""

    object: Literal["checkpoint"] = "checkpoint"
    id: str
    attempt: int
    step: int
    """0 for an uploaded one: a job that starts from it begins at its first step."""
    bytes: int
    files: list[CheckpointFile]
    metrics: JsonObject
    """Metrics of the last evaluation before it: name → value."""
    manifest_sha256: str
    created_at: datetime


class CheckpointOut(CheckpointFacts):
    """A checkpoint that a job wrote."""

    job: str


class UploadedCheckpointOut(CheckpointFacts):
    """A checkpoint that was uploaded."""

    job: None
    """Null: no job wrote it."""
    name: str
    spec: StoredSpec
    """The spec of a job that could have written it: the task that goes on with all of its weights, its sizes and further settings
    (`model`), its vocabulary. A job that starts from it takes from here what it leaves out."""


class CheckpointUploadIn(Body):
    name: Name
    """A name for people; need not be unique."""


class CheckpointUploadOut(Resource):
    object: Literal["checkpoint_upload"] = "checkpoint_upload"
    id: str
    """The id that the checkpoint will have."""
    name: str
    bytes: int
    files: list[CheckpointFile]
    created_at: datetime
