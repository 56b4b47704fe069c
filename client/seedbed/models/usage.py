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
    """Nothing more is taken in once less than this would be left."""


class Usage(Resource):
    """What a project takes up, and what it may."""

    project: str
    datasets: KindUsage
    checkpoints: KindUsage
    samples: KindUsage
    exports: KindUsage
    previews: KindUsage
    logs: KindUsage
    bytes: int
    """Of all kinds together."""
    leaving_bytes: int = 0
    """Of dropped checkpoints that are about to leave the storage."""
    disk: DiskUsage | None = None
    """None where the storage is a bucket."""
