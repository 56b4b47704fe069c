"""Requests for predictions, and the events of a streamed one."""

import base64
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seedbed import sse
from seedbed.errors import InvalidFile, SeedbedError, from_problem
from seedbed.models.predictions import (
    Prediction,
    PredictionEvent,
    PredictionLoading,
    PredictionPart,
    PredictionPlace,
)


def body_of(
    kind: str | None,
    text: str | None,
    file: str | os.PathLike[str] | bytes | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON body of a request.

    Raises:
        InvalidFile: the file cannot be read.
    """
    given = {"kind": kind, "text": text, "content": None if file is None else _encoded(file)}
    return {name: value for name, value in given.items() if value is not None} | {"options": dict(options)}


def events(chunks: Iterable[bytes]) -> Iterator[PredictionEvent]:
    """The events of a stream.

    Raises:
        ApiError: the prediction failed.
        SeedbedError: the stream ended before the result.
    """
    for message in sse.messages(chunks):
        if message.event == "error":
            raise from_problem(json.loads(message.data))
        if message.event == "result":
            yield Prediction.model_validate_json(message.data)
            return
        model = _MODELS.get(message.event or "")
        if model is not None:  # a newer service may have others
            yield model.model_validate_json(message.data)
    raise SeedbedError("The stream ended before the result of the prediction. Ask again; nothing was stored.")


_MODELS: Mapping[str, type[PredictionPlace | PredictionLoading | PredictionPart]] = {
    "place": PredictionPlace,
    "loading": PredictionLoading,
    "part": PredictionPart,
}


def _encoded(file: str | os.PathLike[str] | bytes) -> str:
    if isinstance(file, bytes):
        return base64.b64encode(file).decode()
    path = Path(file)
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise InvalidFile(f"{path}: {error.strerror or error}.") from error
