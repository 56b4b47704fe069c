"""HTTP schemas of workers."""

from datetime import datetime
from typing import Literal

from control.schemas import JsonObject, Resource


class WorkerOut(Resource):
    object: Literal["worker"] = "worker"
    id: str
    name: str
    state: Literal["idle", "busy", "offline"]
    device: Literal["cpu", "cuda"]
    device_name: str
    memory_bytes: int
    threads: int
    version: str
    job: str | None
    """The job that it runs now."""
    details: JsonObject
    started_at: datetime
    last_seen_at: datetime
