"""Exports: a checkpoint in another format, made by a worker and kept in object storage."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from control.checkpoints.schemas import CheckpointFile
from control.errors import Invalid
from control.schemas import Body, Resource
from control.short_jobs.kind import FromCheckpoint, Kind, ShortJobOut
from core.spec.exports import FORMATS, ExportFormat
from core.spec.job import JobSpec
from core.spec.stored import MissingTask

_MEMORY_FACTOR = 4
"""Copies of the weights in memory: the network's, the traced network's, the file's, and the runtime's that checks it."""


class ExportIn(Body):
    """Options of an export."""

    format: ExportFormat
    """One of those that `exports` of the checkpoint's task lists."""


class ExportCheck(Resource):
    """The exported network beside the original, on inputs that it was not exported with."""

    runtime: str
    inputs: int
    """Number of batches, of different sizes, that were compared."""
    largest_difference: float
    """Largest absolute difference of an output."""
    tolerance: float | None
    """The limit of that difference; null for a format that rounds, whose `costs` tell what that does."""


class ExportCost(Resource):
    """One measure of the task on the held-out split, before and after the export: of at most 1,000 samples, evenly spread over it."""

    name: str
    """As `metrics` of the task names it."""
    original: float | None
    """Of the checkpoint's network; null where it is not finite."""
    exported: float | None
    """Of the exported network."""


class ExportResult(Resource):
    architecture: str
    """The architecture's name in `transformers`."""
    opset: int | None
    """The version of ONNX's operators; null for other formats."""
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck
    costs: list[ExportCost] = Field(default_factory=list)
    """Of a format that rounds, what that costs. Empty where the dataset is gone, or the task has no head to measure."""


class ExportOut(ShortJobOut):
    object: Literal["export"] = "export"
    checkpoint: str
    job: str | None
    """That wrote the checkpoint; null for one that was uploaded."""
    step: int
    format: ExportFormat
    files: list[CheckpointFile] = Field(default_factory=list)
    bytes: int
    """Bytes of all files."""
    result: ExportResult | None


def _require_fit(options: BaseModel, spec: JobSpec) -> None:
    """
    Raises:
        Invalid: ``export_unsupported``, the format is not for these checkpoints.
    """
    assert isinstance(options, ExportIn)
    wanted = FORMATS[options.format]
    # What a task that is not installed trains is not known; the export itself then finds out.
    if isinstance(spec.task, MissingTask) or wanted.suits(spec):
        return
    others = [name for name, one in FORMATS.items() if one.suits(spec)]
    raise Invalid(
        "export_unsupported",
        f"{wanted.title} is for {wanted.suited}, and this checkpoint is a {spec.architecture} of the task {spec.task.kind}. "
        f"Formats for it: {', '.join(others)}.",
        param="format",
        params={
            "case": "format",
            "format": options.format,
            "title": wanted.title,
            "suited": wanted.suited,
            "architecture": spec.architecture,
            "task": spec.task.kind,
            "formats": others,
        },
    )


def _arguments(options: Mapping[str, Any], _: int) -> list[str]:
    return ["--format", options["format"]]


KIND = Kind(
    name="export",
    prefix="exp",
    starts_from=FromCheckpoint(
        memory_bytes=lambda _, weights_bytes: _MEMORY_FACTOR * weights_bytes,
        device=lambda _: "cpu",
        require_fit=_require_fit,
        reads_data=lambda options: FORMATS[options["format"]].reads_data,
    ),
    options=ExportIn,
    out=ExportOut,
    result=ExportResult.model_validate,
    event="exported",
    arguments=_arguments,
    files="downloaded",
)
