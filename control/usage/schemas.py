"""HTTP schemas of a project's use of storage."""

from typing import Literal

from control.schemas import Resource


class KindUsage(Resource):
    count: int
    bytes: int
    """A file that several datasets have counts once."""
    limit_bytes: int | None = None
    """The quota in bytes, the lower of the project's own and the operator's; none: no quota."""


class DiskUsage(Resource):
    """Of the file system that the storage is on."""

    total_bytes: int
    free_bytes: int
    keep_free_bytes: int
    """Nothing more is taken in once less than this would be left."""


class UsageOut(Resource):
    object: Literal["usage"] = "usage"
    project: str
    datasets: KindUsage
    checkpoints: KindUsage
    samples: KindUsage
    exports: KindUsage
    previews: KindUsage
    logs: KindUsage
    bytes: int
    """Of all kinds together."""
    leaving_bytes: int
    """Bytes of removed checkpoints that leave the storage within a minute or two; in none of the numbers above."""
    disk: DiskUsage | None
    """None for a bucket, which has no known limit."""
