"""Samples over HTTP."""

from datetime import datetime
from typing import Literal

from control.schemas import Resource

MediaType = Literal["text/plain", "image/png"]


class SampleOut(Resource):
    object: Literal["sample"] = "sample"
    id: str
    """Another one once the content has changed."""
    job: str
    attempt: int
    step: int
    name: str
    """The same kind of thing has the same name at each step."""
    media_type: MediaType
    bytes: int
    sha256: str
    created_at: datetime
