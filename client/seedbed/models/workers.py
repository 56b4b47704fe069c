"""The machines that run jobs."""

from datetime import datetime
from typing import Any

from pydantic import Field

from seedbed.models.base import Resource


class Worker(Resource):
    id: str
    name: str
    state: str
    """``idle``, ``busy`` or ``offline``."""
    device: str
    device_name: str
    memory_bytes: int
    threads: int
    version: str
    job: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    started_at: datetime
    last_seen_at: datetime
