"""The service as a whole."""

from seedbed.models.base import Resource


class Queue(Resource):
    queued: int
    running: int
    paused: int
    oldest_wait_seconds: float | None = None
    """How long the job that waits longest has been in the queue."""


class WorkerCounts(Resource):
    online: int
    busy: int


class StorageState(Resource):
    state: str
    """``ok``, or what kind of failure."""
    free_bytes: int | None = None
    """None for a bucket, and for a project other than the operators'."""


class System(Resource):
    """The state of the service; what concerns all projects is told to the operators' admins alone."""

    version: str
    scope: str
    """``service``, or ``project``: what is counted is the project's own."""
    queue: Queue
    workers: WorkerCounts
    leader: str | None = None
    """The process of the API that takes back expired leases."""
    metrics_lag_seconds: float | None = None
    """Of the jobs in training, the longest time since one's last metric point."""
    database_bytes: int | None = None
    storage: StorageState
    stream_listeners: int | None = None
    """Open event streams of the process that answers."""
