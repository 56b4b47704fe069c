"""Exports: checkpoints in other formats."""

from pydantic import Field

from seedbed.models.base import Resource
from seedbed.short_jobs.base import FilesShortJob, FilesShortJobs


class ExportCheck(Resource):
    runtime: str
    inputs: int
    largest_difference: float
    tolerance: float | None
    """None: the format rounds; `ExportResult.costs` tell what that does."""


class ExportCost(Resource):
    name: str
    original: float | None
    exported: float | None


class ExportResult(Resource):
    architecture: str
    opset: int | None
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck
    """How the exported network compared with the original."""
    costs: list[ExportCost] = Field(default_factory=list)
    """Measures on the held-out split before and after, of a format that rounds."""


class Export(FilesShortJob):
    checkpoint: str
    job: str | None = None
    """None: the checkpoint was uploaded."""
    step: int
    format: str
    result: ExportResult | None = None


class Exports(FilesShortJobs[Export]):
    """``client.exports``; `Checkpoints.export` asks for one."""

    kind = "export"
    model = Export
