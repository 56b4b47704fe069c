"""The history of a job: metrics, events, logs, checkpoints."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader
from api.context import Context, Ctx
from api.downloads import from_threads
from api.parameters import Cursor, JobId, PageLimit
from api.problem_types import problems
from control.checkpoints import service as checkpoints
from control.checkpoints.presenters import checkpoint_out
from control.checkpoints.schemas import CheckpointOut
from control.db import read
from control.errors import Invalid, NotFound
from control.jobs import service as jobs
from control.jobs.schemas import LogOut
from control.lifecycle.schemas import EventOut
from control.metrics import event_file
from control.metrics import service as metrics
from control.metrics.schemas import MetricsOut
from control.paging import decode_cursor, encode_cursor
from control.schemas import Page
from core.spec.text import Name

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_LARGEST = 2**63 - 1
Step = Annotated[int | None, Query(ge=0, le=_LARGEST)]


@router.get(
    "/{job}/metrics",
    operation_id="getMetrics",
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "validation_failed"),
)
def get_metrics(
    job: JobId,
    caller: Reader,
    context: Ctx,
    name: Annotated[
        list[Name] | None,
        Query(description="Only these metrics; may be repeated.", max_length=200),
    ] = None,
    after: Annotated[
        int | None,
        Query(
            ge=0,
            le=_LARGEST,
            description="The `next` of the answer before: what was written since, in that order.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50_000, description="With `after`: at most so many points.")] = 5000,
    max_points: Annotated[
        int, Query(ge=2, le=20_000, description="A series with more is bucketed to min, max and last.")
    ] = 1000,
    from_step: Step = None,
    to_step: Step = None,
) -> MetricsOut:
    """Points as columns: with `after`, what was written since; without, whole series at a chart's resolution."""
    with read(context.engine) as session:
        found = jobs.get(session, caller.project_id, job)
        if after is not None:
            return metrics.since(session, found.id, after, names=name, limit=limit)
        return metrics.bucketed(
            session, found.id, names=name, max_points=max_points, from_step=from_step, to_step=to_step
        )


@router.get(
    "/{job}/tensorboard",
    operation_id="getTensorboard",
    response_class=StreamingResponse,
    responses=problems(
        *AUTH_PROBLEMS,
        "job_not_found",
        "validation_failed",
        also={
            200: {
                "description": "An event file with all points; TensorBoard reads it from any directory under the given name.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    ),
)
async def get_tensorboard(job: JobId, caller: Reader, context: Ctx) -> StreamingResponse:
    """Every metric of a job as an event file of TensorBoard."""
    created = await run_in_threadpool(_created, context, caller.project_id, job)
    body = await from_threads(_event_file(context, job, created), context.downloads)
    name = f"events.out.tfevents.{int(created)}.{job}"
    return StreamingResponse(
        body,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _created(context: Context, project_id: str, job_id: str) -> float:
    with read(context.engine) as session:
        return jobs.get(session, project_id, job_id).created_at.timestamp()


def _event_file(context: Context, job_id: str, created: float) -> Iterator[bytes]:
    """The file in parts, in the order in which the points were written."""
    yield event_file.header(created)
    cursor = 0
    while True:
        with read(context.engine) as session:
            points = metrics.points_since(session, job_id, cursor)
        if not points:
            return
        cursor = points[-1].seq
        yield b"".join(
            event_file.scalar(event_file.Scalar(point.name, point.step, point.value, point.time))
            for point in points
        )


@router.get(
    "/{job}/events",
    operation_id="listEvents",
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "validation_failed"),
)
def list_events(
    job: JobId,
    caller: Reader,
    context: Ctx,
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="An event's id: only later ones.")] = 0,
    limit: PageLimit = 200,
) -> Page[EventOut]:
    """The job's events, oldest first; `next` is what to pass as `after`."""
    with read(context.engine) as session:
        found = jobs.events(
            session, jobs.get(session, caller.project_id, job).id, after=after, limit=limit + 1
        )
        events = [jobs.event_out(event) for event in found[:limit]]
    more = len(found) > limit
    return Page[EventOut](data=events, has_more=more, next=str(events[-1].id) if more else None)


@router.get(
    "/{job}/logs",
    operation_id="getLogs",
    response_model=LogOut,
    responses=problems(
        *AUTH_PROBLEMS,
        "job_not_found",
        "log_not_found",
        "object_missing",
        "validation_failed",
        "storage_unavailable",
        also={
            200: {
                "description": "The last lines; with `full=true` the whole log as text.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    ),
)
async def get_logs(
    job: JobId,
    caller: Reader,
    context: Ctx,
    attempt: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the newest.")] = None,
    full: Annotated[bool, Query(description="The whole log, from storage, as `text/plain`.")] = False,
) -> LogOut | Response:
    """The log of an attempt: the engine's standard output and standard error."""
    log, key = await run_in_threadpool(_log, context, caller.project_id, job, attempt)
    if not full:
        return log
    if key is None:
        raise NotFound(
            "log_not_found",
            f"The whole log of attempt {log.attempt} is not in storage (yet); its last lines are here without `full`.",
            param="full",
            params={"case": "whole_log", "attempt": log.attempt},
        )
    body = await from_threads(context.storage.chunks(key), context.downloads)
    return StreamingResponse(body, media_type="text/plain; charset=utf-8")


def _log(context: Context, project_id: str, job_id: str, attempt: int | None) -> tuple[LogOut, str | None]:
    with read(context.engine) as session:
        job = jobs.get(session, project_id, job_id)
        log = jobs.log_tail(session, job, attempt)
        key = jobs.attempt_of(session, job, log.attempt).log_key if log.attempt else None
        return log, key


@router.get(
    "/{job}/checkpoints",
    operation_id="listCheckpoints",
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "validation_failed", "invalid_cursor"),
)
def list_checkpoints(
    job: JobId, caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[CheckpointOut]:
    """The job's checkpoints, newest step first."""
    with read(context.engine) as session:
        found = checkpoints.list_of_job(
            session,
            jobs.get(session, caller.project_id, job).id,
            limit=limit + 1,
            before=_before(cursor),
        )
        rows = found[:limit]
        more = len(found) > limit
        return Page[CheckpointOut](
            data=[checkpoint_out(row) for row in rows],
            has_more=more,
            next=encode_cursor(f"{rows[-1].step}.{rows[-1].attempt}") if more else None,
        )


def _before(cursor: str | None) -> tuple[int, int] | None:
    """The (step, attempt) that a cursor stands for."""
    if cursor is None:
        return None
    step, _, attempt = decode_cursor(cursor).partition(".")
    if not (step.isdecimal() and attempt.isdecimal() and len(step) <= 18 and len(attempt) <= 9):
        raise Invalid(
            "invalid_cursor",
            "This cursor belongs to another list.",
            param="cursor",
            params={"case": "other_list"},
        )
    return int(step), int(attempt)
