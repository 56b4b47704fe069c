"""HTTP schemas of samples."""

from datetime import datetime
from typing import Final, Literal

from control.schemas import Resource

MediaType = Literal["text/plain", "image/png", "application/json"]
"""A JSON document is a report: a table or a picture of a job's newest evaluation, with its ``kind``."""
REPORT: Final = "application/json"


class SampleOut(Resource):
    object: Literal["sample"] = "sample"
    id: str
    """Id; it changes with the content."""
    job: str
    attempt: int
    step: int
    name: str
    """Name of the series: the same at each step."""
    media_type: MediaType
    bytes: int
    sha256: str
    created_at: datetime
