"""The event stream of a job."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader
from api.context import Context, Ctx
from api.parameters import JobId
from api.problem_types import problems
from api.stream import stream
from control.db import read
from control.jobs import service as jobs
from control.live.service import Cursor, newest

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_EVENT = {
    "type": "object",
    "description": "One event. Its `data` is JSON, of the kind that `event` says.",
    "properties": {
        "event": {"enum": ["job", "metrics", "event", "checkpoint", "sample", "progress", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "pattern": r"^m\d+\.e\d+$"},
        "retry": {"type": "integer"},
    },
}
_EXAMPLE = (
    'event: job\ndata: {"object":"job","id":"job_…","state":"running",…}\n\n'
    'id: m41.e3\nevent: metrics\ndata: {"step":10,"time":1764000000.0,"values":{"train/loss":7.9},"attempt":1}\n\n'
)


@router.get(
    "/{job}/stream",
    operation_id="streamJob",
    response_class=StreamingResponse,
    responses=problems(
        *AUTH_PROBLEMS,
        "job_not_found",
        "invalid_cursor",
        "validation_failed",
        also={
            200: {
                "description": "Server-Sent Events until the job is over.",
                "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
            }
        },
    ),
)
async def stream_job(
    job: JobId,
    caller: Reader,
    context: Ctx,
    last_event_id: Annotated[
        str | None, Header(description="The last `id` received: everything written since comes first.")
    ] = None,
    query_last_event_id: Annotated[
        str | None,
        Query(alias="last_event_id", description="The same, for clients that cannot set the header."),
    ] = None,
    replay: Annotated[bool, Query(description="False: only what happens from now on.")] = True,
) -> StreamingResponse:
    """The job as it is, then every point, event and checkpoint as it comes: `job`, `metrics`, `event`,
    `checkpoint`, `sample`, `progress`, and `end` when the job is over. See docs/http.md for each one's data."""
    given = last_event_id or query_last_event_id
    cursor = Cursor.parse(given) if given else None
    start = await run_in_threadpool(_start, context, caller.project_id, job, cursor, replay)
    return StreamingResponse(
        stream(context.hub, job, start, caller.credential_check),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


def _start(context: Context, project_id: str, job_id: str, cursor: Cursor | None, replay: bool) -> Cursor:
    with read(context.engine) as session:
        jobs.get(session, project_id, job_id)
        if cursor is not None:
            return cursor
        return Cursor() if replay else newest(session, job_id)
