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
    """Disk usage of the storage's file system."""

    total_bytes: int
    free_bytes: int
    keep_free_bytes: int
    """The reserve: uploads and checkpoints are refused if less than this would stay free."""


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
    """Bytes of all kinds together."""
    leaving_bytes: int
    """Bytes of dropped checkpoints that are removed from storage within a minute or two; in none of the numbers above."""
    disk: DiskUsage | None
    """Null for a bucket, which has no known limit."""
