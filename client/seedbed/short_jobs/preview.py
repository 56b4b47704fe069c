"""Previews: the inputs that a job's networks would get."""

from typing import Any

from seedbed.models.base import Resource
from seedbed.short_jobs.base import ShortJob, ShownShortJobs


class ShownThing(Resource):
    """A picture or a text."""

    name: str
    media_type: str
    """``text/plain`` or ``image/png``."""
    bytes: int
    sha256: str


class PreviewResult(Resource):
    shown: list[ShownThing]
    """Pictures are sheets: one column for each sample, one row for each view or each stage of a view."""


class JobPreview(ShortJob):
    """The inputs that a job's networks would get for some samples."""

    spec: dict[str, Any]
    samples: int
    step: int
    result: PreviewResult | None = None


class Previews(ShownShortJobs[JobPreview]):
    """``client.previews``; `Jobs.preview` asks for one. The service keeps each for a day after its end."""

    kind = "preview"
    model = JobPreview
