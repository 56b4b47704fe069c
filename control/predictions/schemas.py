"""Predictions over HTTP."""

from typing import Annotated, Literal

from pydantic import Field

from control.schemas import Body, JsonObject, Resource
from core.spec.predictions import AUDIO_BYTES, TEXT_CHARACTERS

_BASE64_CHARACTERS = -(-AUDIO_BYTES // 3) * 4


class PredictIn(Body):
    """What a checkpoint is asked for."""

    kind: Annotated[str, Field(max_length=100)] | None = None
    """A kind of prediction of the checkpoint's task (`predictions` in `GET /v1/tasks/{kind}`). Default: its first."""
    text: Annotated[str, Field(max_length=TEXT_CHARACTERS)] | None = None
    """The input of kinds that take a text."""
    content: (
        Annotated[str, Field(max_length=_BASE64_CHARACTERS, json_schema_extra={"contentEncoding": "base64"})]
        | None
    ) = None
    """The input of kinds that take an image (JPEG, PNG, WebP, BMP, TIFF) or a recording (WAV, FLAC, OGG): the file in base64."""
    options: JsonObject = Field(default_factory=dict)
    """Options of the kind, as its `options_schema` describes them."""
    stream: bool = False
    """Answer with Server-Sent Events: the place in the line, parts of the result as they are computed, the result."""


class PredictionOut(Resource):
    """A prediction. It is not stored."""

    object: Literal["prediction"] = "prediction"
    kind: str
    """As asked for."""
    checkpoint: str
    job: str | None
    """That wrote the checkpoint; null for one that was uploaded."""
    step: int
    """Of the checkpoint."""
    cold: bool
    """Whether the model was loaded for this request."""
    seconds: float
    """From the acceptance of the request to its result, s."""
    result: JsonObject
    """`kind` says what it holds: `masks`, `text`, `gaps`, `images`, `vector`, `neighbours`, or another one of a task's own."""
