"""Models of the state of the whole service."""

from seedbed.models.base import Resource


class Queue(Resource):
    queued: int
    running: int
    paused: int
    oldest_wait_seconds: float | None = None
    """Seconds that the oldest queued job has waited."""


class WorkerCounts(Resource):
    online: int
    busy: int


class StorageState(Resource):
    state: str
    """``ok``, or the kind of failure."""
    free_bytes: int | None = None
    """None for a bucket, and for a project other than the operators'."""


class System(Resource):
    """The state of the service; facts that concern all projects are set for the operators' admins only."""

    version: str
    scope: str
    """``service``: the counts are of all projects; ``project``: of the key's project."""
    queue: Queue
    workers: WorkerCounts
    leader: str | None = None
    """The process of the API that is the leader and handles expired leases."""
    metrics_lag_seconds: float | None = None
    """Of the jobs in training, the longest time since one's last metric point."""
    database_bytes: int | None = None
    storage: StorageState
    stream_listeners: int | None = None
    """Open event streams of the API process that sent this response."""
