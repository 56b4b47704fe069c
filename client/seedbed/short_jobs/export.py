"""Exports: checkpoints in other formats."""

from seedbed.models.base import Resource
from seedbed.short_jobs.base import FilesShortJob, FilesShortJobs


class ExportCheck(Resource):
    runtime: str
    inputs: int
    largest_difference: float
    tolerance: float


class ExportResult(Resource):
    architecture: str
    opset: int
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck
    """How the exported network compared with the original."""


class Export(FilesShortJob):
    checkpoint: str
    job: str
    step: int
    format: str
    result: ExportResult | None = None


class Exports(FilesShortJobs[Export]):
    """``client.exports``; `Checkpoints.export` asks for one."""

    kind = "export"
    model = Export
