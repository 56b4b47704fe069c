"""What a project takes up, over HTTP."""

from typing import Literal

from control.schemas import Resource


class KindUsage(Resource):
    count: int
    bytes: int
    """A file that several datasets have counts once."""
    limit_bytes: int | None = None
    """What it may come to, by the project's own quota and by the operator's; none: no quota."""


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
    """Of checkpoints that were dropped and leave the storage within a minute or two; in none of the numbers above."""
    disk: DiskUsage | None
    """None for a bucket, which has no end that could be told."""
