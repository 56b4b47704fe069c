"""What a project takes up, and what it may, over HTTP."""

from typing import Annotated, Literal

from pydantic import Field

from control.schemas import Body, Resource

Kind = Literal["datasets", "checkpoints", "samples", "exports", "logs"]
"""What has a quota. Previews have none: they leave by themselves a day after their end."""


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


Quota = Annotated[int, Field(ge=0, le=2**53, strict=True)]  # exact in every JSON reader


class QuotasIn(Body):
    """A project's own quotas; a field that is left out stays as it is, and null takes the quota away."""

    datasets: Quota | None = None
    checkpoints: Quota | None = None
    samples: Quota | None = None
    exports: Quota | None = None
    logs: Quota | None = None
