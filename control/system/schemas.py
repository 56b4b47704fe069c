"""The state of the service over HTTP, for those who operate it."""

from typing import Literal

from control.schemas import Resource


class QueueOut(Resource):
    queued: int
    running: int
    paused: int
    oldest_wait_seconds: float | None
    """How long the job that waits longest has been in the queue."""


class WorkersOut(Resource):
    online: int
    busy: int


class StorageOut(Resource):
    state: str
    """``ok``, or what kind of failure."""
    free_bytes: int | None
    """None for a bucket, which has no end that could be told."""


class SystemOut(Resource):
    object: Literal["system"] = "system"
    version: str
    queue: QueueOut
    """Of all projects."""
    workers: WorkersOut
    leader: str | None
    """Which process of the API takes care of expired leases and lost doorbells."""
    metrics_lag_seconds: float | None
    """Of the jobs in training, the longest time since one's last metric point; none where none trains."""
    database_bytes: int
    storage: StorageOut
    stream_listeners: int
    """Open event streams of the process that answers."""
