"""Dry runs: what a job would take."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.long_poll import awaited
from api.parameters import EstimateId, Wait
from api.problem_types import problems
from api.routes.jobs import JOB_EXAMPLE
from api.strict_json import StrictJsonRoute
from control.db import read, write
from control.jobs.schemas import JobIn
from control.short_jobs import estimates, service
from control.short_jobs.schemas import EstimateOut

router = APIRouter(prefix="/v1", tags=["estimates"], route_class=StrictJsonRoute)


@router.post(
    "/jobs/estimate",
    operation_id="estimateJob",
    status_code=202,
    response_model=EstimateOut,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
        "dataset_not_found",
        "dataset_not_ready",
        "dataset_too_small",
        "data_unreadable",
        "too_many_bad_samples",
        "tokenizer_invalid",
        "spec_exceeds_memory",
        "no_worker_online",
    ),
)
def estimate_job(
    body: Annotated[JobIn, Body(examples=[JOB_EXAMPLE])],
    caller: Writer,
    context: Ctx,
    repeat: Repeat,
    largest_batch: Annotated[
        bool, Query(description="Find out as well how many samples fit on the device at once.")
    ] = False,
) -> Response:
    """Have a worker take a few real steps of a job, and tell what all of it would take: throughput, memory, time,
    utilisation. Nothing is kept but the answer; ask `GET /v1/estimates/{id}?wait=30` for it."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: estimates.estimate_out(
                session, estimates.create(session, caller.project_id, body, largest_batch=largest_batch)
            ),
            status=202,
        )


@router.get(
    "/estimates/{estimate}",
    operation_id="getEstimate",
    responses=problems(*AUTH_PROBLEMS, "estimate_not_found", "validation_failed"),
)
async def get_estimate(estimate: EstimateId, caller: Reader, context: Ctx, wait: Wait = 0) -> EstimateOut:
    """An estimate: how far it is, and its `result` once it succeeded."""

    def look() -> EstimateOut:
        with read(context.engine) as session:
            return estimates.estimate_out(
                session, service.get(session, caller.project_id, "estimate", estimate)
            )

    return await awaited(context.hub, caller.standing, estimate, look, wait)


@router.post(
    "/estimates/{estimate}/cancel",
    operation_id="cancelEstimate",
    responses=problems(*AUTH_PROBLEMS, "estimate_not_found", "invalid_transition"),
)
def cancel_estimate(estimate: EstimateId, caller: Writer, context: Ctx) -> EstimateOut:
    """Nobody needs the answer any more."""
    with write(context.engine) as session:
        return estimates.estimate_out(
            session, service.cancel(session, caller.project_id, "estimate", estimate)
        )


@router.delete(
    "/estimates/{estimate}",
    operation_id="deleteEstimate",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "estimate_not_found", "not_over"),
)
def delete_estimate(estimate: EstimateId, caller: Writer, context: Ctx) -> None:
    """Delete an estimate that is over."""
    with write(context.engine) as session:
        service.delete(session, context.storage, caller.project_id, "estimate", estimate)
