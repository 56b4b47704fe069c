"""HTTP schemas of the service's state, for operators."""

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
    """None for a bucket, which has no known limit, and for a project."""


class SystemOut(Resource):
    object: Literal["system"] = "system"
    version: str
    scope: Literal["service", "project"]
    """The scope of the numbers: for an admin of the project ``default`` the whole service, for another project's admin that
    project, without facts that concern all projects."""
    queue: QueueOut
    workers: WorkersOut
    """All that are online; of the busy ones, for a project, those that run its jobs."""
    leader: str | None
    """The process of the API that is the leader: it handles expired leases and lost wake-up messages."""
    metrics_lag_seconds: float | None
    """Of the jobs in training, the longest time since one's last metric point; none where none trains."""
    database_bytes: int | None
    storage: StorageOut
    stream_listeners: int | None
    """Open event streams of the process that answers."""
