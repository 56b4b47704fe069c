"""HTTP schemas of samples."""

from datetime import datetime
from typing import Literal

from control.schemas import Resource

MediaType = Literal["text/plain", "image/png"]


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
