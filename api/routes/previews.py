"""What a job's networks would see, before it runs."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Context, Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.inline_content import send_shown, shown_responses
from api.long_poll import awaited
from api.parameters import PreviewId, Wait
from api.problem_types import problems
from api.routes.jobs import JOB_EXAMPLE
from api.strict_json import StrictJsonRoute
from control.db import read, write
from control.jobs.schemas import JobIn
from control.short_jobs import previews, service
from control.short_jobs.schemas import PreviewOut, ShownThing

router = APIRouter(prefix="/v1", tags=["previews"], route_class=StrictJsonRoute)

_LATEST_STEP = 2**31 - 1


@router.post(
    "/jobs/preview",
    operation_id="previewJob",
    status_code=202,
    response_model=PreviewOut,
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
def preview_job(
    body: Annotated[JobIn, Body(examples=[JOB_EXAMPLE])],
    caller: Writer,
    context: Ctx,
    repeat: Repeat,
    samples: Annotated[
        int, Query(ge=1, le=16, description="Of how many samples: the first of the step's batch.")
    ] = 8,
    step: Annotated[
        int, Query(ge=1, le=_LATEST_STEP, description="Whose crops, masks and turns are shown.")
    ] = 1,
) -> Response:
    """Have a worker show what the job's networks would see of a handful of samples, as pictures or text: the very crops,
    masks and turns that a step of the run would draw. Ask `GET /v1/previews/{id}?wait=30` for it. It is kept for a
    day after its end."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: previews.preview_out(
                session, previews.create(session, caller.project_id, body, samples=samples, step=step)
            ),
            status=202,
        )


@router.get(
    "/previews/{preview}",
    operation_id="getPreview",
    responses=problems(*AUTH_PROBLEMS, "preview_not_found", "validation_failed"),
)
async def get_preview(preview: PreviewId, caller: Reader, context: Ctx, wait: Wait = 0) -> PreviewOut:
    """A preview: how far it is, and what it shows once it succeeded."""

    def look() -> PreviewOut:
        with read(context.engine) as session:
            return previews.preview_out(session, service.get(session, caller.project_id, "preview", preview))

    return await awaited(context.hub, caller.standing, preview, look, wait)


@router.post(
    "/previews/{preview}/cancel",
    operation_id="cancelPreview",
    responses=problems(*AUTH_PROBLEMS, "preview_not_found", "invalid_transition"),
)
def cancel_preview(preview: PreviewId, caller: Writer, context: Ctx) -> PreviewOut:
    """Nobody needs it any more."""
    with write(context.engine) as session:
        return previews.preview_out(session, service.cancel(session, caller.project_id, "preview", preview))


@router.delete(
    "/previews/{preview}",
    operation_id="deletePreview",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "preview_not_found", "not_over"),
)
def delete_preview(preview: PreviewId, caller: Writer, context: Ctx) -> None:
    """Delete a preview that is over, and what it shows."""
    with write(context.engine) as session:
        service.delete(session, context.storage, caller.project_id, "preview", preview)


@router.get(
    "/previews/{preview}/files/{name:rest}",
    operation_id="getPreviewFile",
    response_class=Response,
    responses=shown_responses(*AUTH_PROBLEMS, "preview_not_found", "file_not_found"),
)
async def get_preview_file(
    request: Request,
    preview: PreviewId,
    name: Annotated[
        str, Path(description="As in `result.shown`.", json_schema_extra={"minLength": 1}, examples=["model"])
    ],
    caller: Reader,
    context: Ctx,
) -> Response:
    """The picture or the text (UTF-8) itself. It never changes under this id."""
    key, found = await run_in_threadpool(_find, context, caller.project_id, preview, name)
    return await send_shown(
        request,
        context,
        key,
        size=found.bytes,
        sha256=found.sha256,
        media_type=found.media_type,
        name=f"{preview}-{found.name}",
    )


def _find(context: Context, project_id: str, preview_id: str, name: str) -> tuple[str, ShownThing]:
    with read(context.engine) as session:
        return previews.shown_thing(service.get(session, project_id, "preview", preview_id), name)
