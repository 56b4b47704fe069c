"""Lineages: what a job's stages know of each other's data, and sequences of stages that are submitted one after another."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from api import examples
from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.pages import page
from api.parameters import Cursor, JobId, LineageId, PageLimit
from api.problem_types import problems
from api.strict_json import StrictJsonRoute
from control.db import read, write
from control.jobs import service as jobs
from control.lineages import forgetting, service
from control.lineages.presenters import lineage_out, summaries
from control.lineages.schemas import (
    ContinualOut,
    PlannedLineageIn,
    PlannedLineageOut,
    PlannedLineageSummary,
)
from control.schemas import Page
from core.spec.text import Name

router = APIRouter(prefix="/v1", tags=["lineages"], route_class=StrictJsonRoute)

Measure = Annotated[
    Name | None,
    Query(
        description="A measure that shows which model is better, as `eval/loss`. Default: the task's usual one."
    ),
]


@router.get(
    "/jobs/{job}/continual",
    operation_id="getContinual",
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "validation_failed"),
)
def get_continual(job: JobId, caller: Reader, context: Ctx, metric: Measure = None) -> ContinualOut:
    """The stages that a job goes back to, and their forgetting matrix: what each stage's weights know of each stage's held-out
    part. Of a job without the block `continual`, only the job itself."""
    with read(context.engine) as session:
        return forgetting.continual_out(session, jobs.get(session, caller.project_id, job), metric)


@router.post(
    "/lineages",
    operation_id="submitLineage",
    status_code=201,
    response_model=PlannedLineageOut,
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
        "modality_mismatch",
        "spec_exceeds_memory",
        "quota_exceeded",
    ),
)
def submit_lineage(
    body: Annotated[PlannedLineageIn, Body(examples=[examples.LINEAGE])],
    caller: Writer,
    context: Ctx,
    repeat: Repeat,
) -> Response:
    """Submit a sequence of stages: the first as a job at once, each further one when the stage before has succeeded. All of them are
    checked before."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: lineage_out(
                session, service.plan(session, caller.project_id, body, by_admin=caller.is_admin)
            ),
        )


@router.get(
    "/lineages",
    operation_id="listLineages",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_lineages(
    caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[PlannedLineageSummary]:
    """The project's lineages, newest first."""
    with read(context.engine) as session:
        found = service.list_lineages(session, caller.project_id, limit=limit, cursor=cursor)
        return page(summaries(session, found.rows), found)


_KNOWN = (*AUTH_PROBLEMS, "lineage_not_found")


@router.get(
    "/lineages/{lineage}",
    operation_id="getPlannedLineage",
    responses=problems(*_KNOWN, "validation_failed"),
)
def get_lineage(
    lineage: LineageId, caller: Reader, context: Ctx, metric: Measure = None
) -> PlannedLineageOut:
    """One lineage: its stages with their states, and the forgetting matrix of its newest stage."""
    with read(context.engine) as session:
        return lineage_out(session, service.get(session, caller.project_id, lineage), metric)


@router.post(
    "/lineages/{lineage}/cancel",
    operation_id="cancelLineage",
    responses=problems(*_KNOWN, "invalid_transition"),
)
def cancel_lineage(lineage: LineageId, caller: Writer, context: Ctx) -> PlannedLineageOut:
    """Submit no further stage, and cancel the job of the newest one."""
    with write(context.engine) as session:
        return lineage_out(session, service.cancel(session, caller.project_id, lineage))


@router.post(
    "/lineages/{lineage}/resume",
    operation_id="resumeLineage",
    responses=problems(*_KNOWN, "invalid_transition", "dataset_not_found", "no_checkpoint", "time_limit"),
)
def resume_lineage(lineage: LineageId, caller: Writer, context: Ctx) -> PlannedLineageOut:
    """Let a stopped or cancelled lineage go on: its newest stage's job is retried or resumed."""
    with write(context.engine) as session:
        return lineage_out(session, service.resume(session, caller.project_id, lineage))


@router.delete(
    "/lineages/{lineage}",
    operation_id="deleteLineage",
    status_code=204,
    responses=problems(*_KNOWN, "not_over"),
)
def delete_lineage(lineage: LineageId, caller: Writer, context: Ctx) -> None:
    """Delete a lineage that does not run. The jobs of its stages stay."""
    with write(context.engine) as session:
        service.delete(session, caller.project_id, lineage)
