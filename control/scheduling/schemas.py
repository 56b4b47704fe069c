"""HTTP schemas of the queue."""

from typing import Literal

from pydantic import Field

from control.schemas import JsonObject, Resource

WaitingCode = Literal[
    "no_worker_online",
    "no_gpu_worker_online",
    "exceeds_workers_memory",
    "exceeds_gpu_workers_memory",
    "worker_free",
    "slot_freed_soon",
    "jobs_ahead",
    "workers_busy",
]


class WaitingReason(Resource):
    """Why a queued job does not run yet."""

    code: WaitingCode
    """Stable code of the reason."""
    params: JsonObject = Field(default_factory=dict)
    """Parameters of the message: ``ahead`` (jobs before it) with ``more`` (there are more than were counted), ``workers``,
    ``needed_bytes``, ``largest_bytes``."""
    message: str
