"""HTTP schemas of a project's quotas."""

from typing import Annotated, Literal

from pydantic import Field

from control.schemas import Body

Kind = Literal["datasets", "checkpoints", "samples", "exports", "logs"]
"""What has a quota. Previews have none: they are removed a day after their end."""

Quota = Annotated[int, Field(ge=0, le=2**53, strict=True)]  # exact in every JSON reader


class QuotasIn(Body):
    """A project's own quotas; a field that is left out stays as it is, and null takes the quota away."""

    datasets: Quota | None = None
    checkpoints: Quota | None = None
    samples: Quota | None = None
    exports: Quota | None = None
    logs: Quota | None = None
