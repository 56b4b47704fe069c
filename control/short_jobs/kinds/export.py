"""Exports: a checkpoint in another format, made by a worker and kept in object storage."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from control.checkpoints.schemas import CheckpointFile
from control.schemas import Body, Resource
from control.short_jobs.kind import FromCheckpoint, Kind, ShortJobOut

_MEMORY_FACTOR = 4
"""Copies of the weights in memory: the network's, the traced network's, the file's, and the runtime's that checks it."""

ExportFormat = Literal["onnx"]


class ExportIn(Body):
    """Options of an export."""

    format: ExportFormat
    """``onnx``: one file that ONNX Runtime opens, batch and sequence of any size."""


class ExportCheck(Resource):
    """The exported network beside the original, on inputs that it was not exported with."""

    runtime: str
    inputs: int
    """Number of batches, of different sizes, that were compared."""
    largest_difference: float
    """Largest absolute difference of an output."""
    tolerance: float
    """The limit of that difference."""


class ExportResult(Resource):
    architecture: str
    """The architecture's name in `transformers`."""
    opset: int
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck


class ExportOut(ShortJobOut):
    object: Literal["export"] = "export"
    checkpoint: str
    job: str
    step: int
    format: ExportFormat
    files: list[CheckpointFile] = Field(default_factory=list)
    bytes: int
    """Bytes of all files."""
    result: ExportResult | None


def _arguments(options: Mapping[str, Any], _: int) -> list[str]:
    return ["--format", options["format"]]


KIND = Kind(
    name="export",
    prefix="exp",
    starts_from=FromCheckpoint(
        memory_bytes=lambda _, weights_bytes: _MEMORY_FACTOR * weights_bytes, device=lambda _: "cpu"
    ),
    options=ExportIn,
    out=ExportOut,
    result=ExportResult.model_validate,
    event="exported",
    arguments=_arguments,
    files="downloaded",
)
