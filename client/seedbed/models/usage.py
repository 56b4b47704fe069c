"""Models of a project's use of storage."""

from seedbed.models.base import Resource


class KindUsage(Resource):
    count: int
    bytes: int
    limit_bytes: int | None = None
    """None: no quota."""


class DiskUsage(Resource):
    total_bytes: int
    free_bytes: int
    keep_free_bytes: int
    """The reserve: uploads and checkpoints are refused if less than this would stay free."""


class Usage(Resource):
    """The bytes and counts of what a project has stored, and its quotas."""

    project: str
    datasets: KindUsage
    checkpoints: KindUsage
    samples: KindUsage
    exports: KindUsage
    previews: KindUsage
    logs: KindUsage
    bytes: int
    """Bytes of all kinds together."""
    leaving_bytes: int = 0
    """Bytes of removed checkpoints that are still in storage for a minute or two."""
    disk: DiskUsage | None = None
    """None if the storage is a bucket."""
