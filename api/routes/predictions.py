"""Predictions of a checkpoint: one request, answered with the result or as a stream."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Caller, Reader
from api.context import Context, Ctx
from api.parameters import CheckpointId
from api.predictions import Answer
from api.problem_types import FILE_PROBLEMS, problems
from api.problems import problem_of
from api.strict_json import StrictJsonRoute
from control.db import read
from control.errors import SeedbedError
from control.predictions.errors import INPUT_CODES
from control.predictions.request import PredictionRequest
from control.predictions.schemas import PredictIn, PredictionOut
from control.predictions.service import request_of
from core.spec.predictions import AUDIO_BYTES, TEXT_CHARACTERS


class PredictRoute(StrictJsonRoute):
    """A route whose body may hold a recording in base64."""

    at_most: ClassVar[int] = AUDIO_BYTES // 3 * 4 + 6 * TEXT_CHARACTERS


router = APIRouter(prefix="/v1/checkpoints", tags=["checkpoints"], route_class=PredictRoute)

_EVENT = {
    "type": "object",
    "description": "One event. Its `data` is JSON.",
    "properties": {
        "event": {"enum": ["place", "loading", "part", "result", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EXAMPLE = (
    'event: place\ndata: {"ahead":2}\n\nevent: part\ndata: {"text":" returns"}\n\n'
    'event: result\ndata: {"object":"prediction","kind":"continue",…}\n\n'
)
_EXAMPLES: Any = {
    "fill_mask": {"summary": "Fill a mask", "value": {"kind": "fill_mask", "text": "The [MASK] statement"}},
    "continue": {
        "summary": "Continue a text, streamed",
        "value": {
            "kind": "continue",
            "text": "The statement",
            "options": {"max_tokens": 40, "temperature": 0.8},
            "stream": True,
        },
    },
}
_PROBLEMS = (
    *AUTH_PROBLEMS,
    "invalid_json",
    "body_too_large",
    "body_too_slow",
    "validation_failed",
    "checkpoint_not_found",
    "checkpoint_unusable",
    "dataset_unsearchable",
    "input_too_large",
    "prediction_unsupported",
    *INPUT_CODES,
    *(code for code in FILE_PROBLEMS if "image" in code or "audio" in code),
    "predictions_busy",
    "no_prediction_worker",
    "prediction_failed",
    "prediction_lost",
    "prediction_memory",
    "prediction_timeout",
    "predictions_unavailable",
    "task_unavailable",
)


@router.post(
    "/{checkpoint}/predict",
    operation_id="predict",
    response_model=PredictionOut,
    responses=problems(
        *_PROBLEMS,
        also={
            200: {
                "description": "The prediction; with `stream`, Server-Sent Events that end with `result` or `error`.",
                "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
            }
        },
    ),
)
async def predict(
    request: Request,
    checkpoint: CheckpointId,
    asked: Annotated[PredictIn, Body(openapi_examples=_EXAMPLES)],
    caller: Reader,
    context: Ctx,
) -> Response:
    """Ask a checkpoint for a prediction: fill a mask, continue a text, reconstruct an image, features, neighbours. What it
    can be asked for is in `predictions` of its task (`GET /v1/tasks/{kind}`). A worker computes it; nothing is stored."""
    began = time.monotonic()
    wanted = await run_in_threadpool(_request, context, caller.project_id, checkpoint, asked)
    answer = await context.predictions.join(wanted)
    events = _events(answer, wanted, caller, began)
    if asked.stream:
        return StreamingResponse(
            _frames(request, events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )
    async with aclosing(events):
        async for event, data in events:
            if event == "result":
                return JSONResponse(data)
            if event == "waiting" and await request.is_disconnected():
                break
    return Response(status_code=499)  # nobody reads it


def _request(context: Context, project_id: str, checkpoint: str, asked: PredictIn) -> PredictionRequest:
    with read(context.engine) as session:
        return request_of(session, project_id, checkpoint, asked, seconds=context.settings.predict_seconds)


async def _events(
    answer: Answer, wanted: PredictionRequest, caller: Caller, began: float
) -> AsyncGenerator[tuple[str, Mapping[str, Any]]]:
    """(event, data); ``waiting`` once a second without another one."""
    cold = False
    if answer.ahead:
        yield "place", {"ahead": answer.ahead}
    async with aclosing(answer.messages()) as messages:
        async for message in messages:
            caller.credential_check.require_valid()
            if message is None:
                yield "waiting", {}
                continue
            match message["event"]:
                case "place":
                    yield "place", {"ahead": message["ahead"]}
                case "loading":
                    cold = True
                    yield "loading", {}
                case "part":
                    yield "part", message["values"]
                case "result":
                    found = PredictionOut(
                        kind=wanted.kind,
                        checkpoint=wanted.checkpoint_id,
                        job=wanted.job_id,
                        step=wanted.step,
                        cold=cold,
                        seconds=round(time.monotonic() - began, 4),
                        result=message["values"],
                    )
                    yield "result", found.model_dump(mode="json")


async def _frames(
    request: Request, events: AsyncGenerator[tuple[str, Mapping[str, Any]]]
) -> AsyncIterator[bytes]:
    try:
        async with aclosing(events):
            async for event, data in events:
                if event == "waiting":
                    yield b": still here\n\n"
                else:
                    yield _frame(event, json.dumps(data))
    except SeedbedError as error:
        yield _frame("error", problem_of(request, error).model_dump_json())


def _frame(event: str, data: str) -> bytes:
    return f"event: {event}\ndata: {data}\n\n".encode()
