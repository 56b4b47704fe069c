"""Previews: the network's input for a few samples, shown before the job runs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from control.samples.schemas import MediaType
from control.schemas import Resource
from control.short_jobs.kind import FromSpec, Kind, ShortJobOut
from core.spec.stored import StoredSpec

_LATEST_STEP = 2**31 - 1


class PreviewOptions(BaseModel):
    samples: Annotated[
        int, Field(ge=1, le=16, description="Of how many samples: the first of the step's batch.")
    ] = 8
    step: Annotated[
        int, Field(ge=1, le=_LATEST_STEP, description="Whose crops, masks and turns are shown.")
    ] = 1


class ShownThing(Resource):
    """A picture or a text; `GET /v1/previews/{id}/files/{name}` has it."""

    name: str
    media_type: MediaType
    bytes: int
    sha256: str


class PreviewResult(Resource):
    shown: list[ShownThing]
    """Pictures are sheets: a column for each sample, a row for each view or state of it."""


class PreviewOut(ShortJobOut):
    object: Literal["preview"] = "preview"
    spec: StoredSpec
    samples: int
    """Number of samples, the first ones of the step's batch."""
    step: int
    result: PreviewResult | None


def _result(result: Mapping[str, Any]) -> PreviewResult:
    files = {file["path"]: file for file in result["files"]}
    return PreviewResult(
        shown=[
            ShownThing(
                name=one["name"],
                media_type=one["media_type"],
                bytes=files[one["file"]]["bytes"],
                sha256=files[one["file"]]["sha256"],
            )
            for one in result["shown"]
        ]
    )


def _arguments(options: Mapping[str, Any], _: int) -> list[str]:
    return ["--samples", str(options["samples"]), "--step", str(options["step"])]


KIND = Kind(
    name="preview",
    prefix="prv",
    starts_from=FromSpec(),
    options=PreviewOptions,
    out=PreviewOut,
    result=_result,
    event="previewed",
    arguments=_arguments,
    files="shown",
    kept=timedelta(days=1),  # needed only until the job is submitted or changed
)
