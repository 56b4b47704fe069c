"""Jobs: submit, list, cancel, pause, resume, retry, fork and delete them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Query, Response

from api import examples
from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Context, Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.pages import page
from api.parameters import Cursor, JobId, PageLimit
from api.problem_types import problems
from api.strict_json import StrictJsonRoute
from control.db import read, write
from control.jobs import service
from control.jobs.schemas import ForkIn, JobIn, JobOut, JobSummary, LineageOut, RetryIn, ValidationOut
from control.lifecycle.schemas import State
from control.schemas import JsonObject, Page
from core.spec.text import Name

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictJsonRoute)


@router.post(
    "",
    operation_id="submitJob",
    status_code=201,
    response_model=JobOut,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
        "checkpoint_not_found",
        "dataset_not_found",
        "dataset_not_ready",
        "dataset_too_small",
        "priority_needs_admin",
        "data_unreadable",
        "too_many_bad_samples",
        "tokenizer_invalid",
        "spec_exceeds_memory",
    ),
)
def submit_job(
    body: Annotated[JobIn, Body(examples=[examples.JOB])], caller: Writer, context: Ctx, repeat: Repeat
) -> Response:
    """Submit a job. It is stored durably before this answer."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: service.job_out(
                session, service.submit(session, caller.project_id, body, by_admin=caller.is_admin)
            ),
        )


@router.get("/schema", operation_id="getJobSchema", responses=problems(*AUTH_PROBLEMS))
def get_job_schema(caller: Reader) -> JsonObject:
    """The JSON Schema of what `POST /v1/jobs` takes, with descriptions, ranges and defaults."""
    del caller
    return _SCHEMA


_SCHEMA = JobIn.model_json_schema()


@router.delete("/schema", include_in_schema=False)
@router.delete("/estimate", include_in_schema=False)
@router.delete("/preview", include_in_schema=False)
@router.delete("/validate", include_in_schema=False)
@router.get("/estimate", include_in_schema=False)
@router.get("/preview", include_in_schema=False)
@router.get("/validate", include_in_schema=False)
def no_job_of_that_name() -> None:
    """Keep ``/{job}`` from matching this path as a job's id."""
    raise HTTPException(405)


@router.post(
    "/validate",
    operation_id="validateJob",
    responses=problems(
        *AUTH_PROBLEMS, "invalid_json", "body_too_large", "body_too_slow", "validation_failed"
    ),
)
def validate_job(
    body: Annotated[Any, Body(examples=[examples.JOB])], caller: Reader, context: Ctx
) -> ValidationOut:
    """All problems of a spec, and the resources that the job would need. Answers 200 for an invalid spec as well."""
    with read(context.engine) as session:
        return service.validate_document(session, caller.project_id, body, by_admin=caller.is_admin)


@router.get(
    "",
    operation_id="listJobs",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_jobs(
    caller: Reader,
    context: Ctx,
    state: Annotated[list[State] | None, Query(description="Only these; may be repeated.")] = None,
    dataset: Annotated[
        str | None, Query(description="Only jobs on this dataset.", max_length=100, pattern="^[a-z0-9_]+$")
    ] = None,
    name: Annotated[
        Name | None,
        Query(description="Only jobs with this in their name, whatever its case."),
    ] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Page[JobSummary]:
    """The project's jobs, newest first: each without its spec, which `GET /v1/jobs/{job}` holds."""
    with read(context.engine) as session:
        found = service.list_jobs(
            session,
            caller.project_id,
            states=state or (),
            dataset_id=dataset,
            name=name,
            limit=limit,
            cursor=cursor,
        )
        return page(service.summaries(session, found.rows), found)


@router.get("/{job}", operation_id="getJob", responses=problems(*AUTH_PROBLEMS, "job_not_found"))
def get_job(job: JobId, caller: Reader, context: Ctx) -> JobOut:
    """One job: its state, its progress, the newest value of each metric, its whole spec."""
    with read(context.engine) as session:
        return service.job_out(session, service.get(session, caller.project_id, job))


_STEERING = problems(*AUTH_PROBLEMS, "job_not_found", "invalid_transition")


@router.post("/{job}/cancel", operation_id="cancelJob", responses=_STEERING)
def cancel_job(job: JobId, caller: Writer, context: Ctx) -> JobOut:
    """Stop the job for good. A running one finishes its step and writes a checkpoint first."""
    return _request(context, caller.project_id, job, "cancel")


@router.post("/{job}/pause", operation_id="pauseJob", responses=_STEERING)
def pause_job(job: JobId, caller: Writer, context: Ctx) -> JobOut:
    """Stop the job until it is resumed. A running one finishes its step and writes a checkpoint first."""
    return _request(context, caller.project_id, job, "pause")


def _request(context: Context, project_id: str, job_id: str, verb: Literal["cancel", "pause"]) -> JobOut:
    with write(context.engine) as session:
        return service.job_out(session, service.request(session, project_id, job_id, verb))


@router.post("/{job}/resume", operation_id="resumeJob", responses=_STEERING)
def resume_job(job: JobId, caller: Writer, context: Ctx) -> JobOut:
    """Continue a paused job from its newest checkpoint."""
    with write(context.engine) as session:
        return service.job_out(session, service.resume(session, caller.project_id, job))


@router.post(
    "/{job}/retry",
    operation_id="retryJob",
    responses=problems(
        *AUTH_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "validation_failed",
        "job_not_found",
        "dataset_not_found",
        "invalid_transition",
        "no_checkpoint",
        "time_limit",
    ),
)
def retry_job(
    job: JobId,
    caller: Writer,
    context: Ctx,
    body: Annotated[RetryIn | None, Body(examples=[{"max_seconds": 7200}])] = None,
) -> JobOut:
    """Run a failed or cancelled job again, from its newest checkpoint. One that ran out of its `resources.max_seconds` needs
    a larger limit."""
    with write(context.engine) as session:
        return service.job_out(session, service.retry(session, caller.project_id, job, body))


@router.post(
    "/{job}/fork",
    operation_id="forkJob",
    status_code=201,
    response_model=JobOut,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
        "job_not_found",
        "checkpoint_not_found",
        "no_checkpoint",
        "dataset_not_found",
        "dataset_not_ready",
        "dataset_too_small",
        "priority_needs_admin",
        "data_unreadable",
        "too_many_bad_samples",
        "tokenizer_invalid",
        "spec_exceeds_memory",
    ),
)
def fork_job(job: JobId, body: ForkIn, caller: Writer, context: Ctx, repeat: Repeat) -> Response:
    """Start a new job from a checkpoint of this one, with any part of the spec changed."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: service.job_out(
                session, service.fork(session, caller.project_id, job, body, by_admin=caller.is_admin)
            ),
        )


@router.delete(
    "/{job}",
    operation_id="deleteJob",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "not_over", "job_in_use"),
)
def delete_job(job: JobId, caller: Writer, context: Ctx) -> None:
    """Delete a job that is over, with its checkpoints, exports, samples, logs and points. Its forks stay. Refused while
    it runs or waits (cancel it first), and while a fork or an export needs one of its checkpoints."""
    with write(context.engine) as session:
        service.delete(session, context.storage, caller.project_id, job)


@router.get("/{job}/lineage", operation_id="getLineage", responses=problems(*AUTH_PROBLEMS, "job_not_found"))
def get_lineage(job: JobId, caller: Reader, context: Ctx) -> LineageOut:
    """The jobs that this job was forked from, and those forked from it."""
    with read(context.engine) as session:
        return service.lineage(session, service.get(session, caller.project_id, job))
