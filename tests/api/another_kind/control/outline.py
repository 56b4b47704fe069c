"""A kind of short job that the service does not have: it lists a checkpoint's tensors in a file."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from control.checkpoints.schemas import CheckpointFile
from control.schemas import Body, Resource
from control.short_jobs.kind import FromCheckpoint, Kind, ShortJobOut


class OutlineIn(Body):
    order: Literal["name", "size"] = "name"


class OutlineResult(Resource):
    tensors: int


class OutlineOut(ShortJobOut):
    object: Literal["outline"] = "outline"
    checkpoint: str
    order: Literal["name", "size"]
    files: list[CheckpointFile]
    bytes: int
    result: OutlineResult | None


def _arguments(options: Mapping[str, Any], _: int) -> list[str]:
    return ["--order", options["order"]]


KIND = Kind(
    name="outline",
    prefix="out",
    starts_from=FromCheckpoint(
        memory_bytes=lambda _, weights_bytes: 2 * weights_bytes,
        device=lambda spec: spec.resources.device,
    ),
    options=OutlineIn,
    out=OutlineOut,
    result=OutlineResult.model_validate,
    event="outlined",
    arguments=_arguments,
    files="downloaded",
    kept=timedelta(hours=1),
)
