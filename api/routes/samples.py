"""Samples of a run: texts and pictures for people to look at."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader
from api.context import Context, Ctx
from api.inline_content import send_shown, shown_responses
from api.parameters import JobId, PageLimit, SampleId
from api.problem_types import problems
from control.db import read
from control.jobs import service as jobs
from control.samples import service
from control.samples.presenters import sample_out
from control.samples.schemas import SampleOut
from control.schemas import Page

router = APIRouter(prefix="/v1", tags=["jobs"])

_LARGEST = 2**63 - 1


@router.get(
    "/jobs/{job}/samples",
    operation_id="listSamples",
    responses=problems(*AUTH_PROBLEMS, "job_not_found", "validation_failed"),
)
def list_samples(
    job: JobId,
    caller: Reader,
    context: Ctx,
    name: Annotated[
        str | None, Query(description="Only these.", max_length=100, pattern="^[a-z0-9_]+$")
    ] = None,
    after: Annotated[
        int, Query(ge=0, le=_LARGEST, description="The `next` of the page before: what was written since.")
    ] = 0,
    limit: PageLimit = 200,
) -> Page[SampleOut]:
    """The job's samples, in the order of writing; `next` is what to pass as `after`."""
    with read(context.engine) as session:
        found_job = jobs.get(session, caller.project_id, job)
        found = service.list_of_job(session, found_job.id, after=after, name=name, limit=limit + 1)
        rows = found[:limit]
        more = len(found) > limit
        return Page[SampleOut](
            data=[sample_out(row) for row in rows],
            has_more=more,
            next=str(rows[-1].seq) if more else None,
        )


@router.get(
    "/samples/{sample}/content",
    operation_id="getSampleContent",
    response_class=Response,
    responses=shown_responses(*AUTH_PROBLEMS, "sample_not_found"),
)
async def get_sample_content(request: Request, sample: SampleId, caller: Reader, context: Ctx) -> Response:
    """The text (UTF-8) or the picture itself. It never changes under this id."""
    found, key = await run_in_threadpool(_find, context, caller.project_id, sample)
    return await send_shown(
        request,
        context,
        key,
        size=found.bytes,
        sha256=found.sha256,
        media_type=found.media_type,
        name=f"{found.name}-step-{found.step}",
    )


def _find(context: Context, project_id: str, sample_id: str) -> tuple[SampleOut, str]:
    """A sample, and the key of its content in storage."""
    with read(context.engine) as session:
        row = service.get(session, project_id, sample_id)
        return sample_out(row), row.object_key
