"""Checkpoints in other formats, and their files."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Context, Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.long_poll import awaited
from api.parameters import CheckpointId, ExportId, JobId, Wait
from api.problem_types import problems
from api.stored_files import (
    DOWNLOAD_HEADERS,
    StoredFiles,
    archive_responses,
    file_responses,
    head_responses,
)
from api.strict_json import SmallJsonRoute
from control.db import read, write
from control.errors import Conflict
from control.jobs import service as jobs
from control.schemas import Page
from control.short_jobs import exports, service
from control.short_jobs.schemas import ExportIn, ExportOut

router = APIRouter(prefix="/v1", tags=["exports"], route_class=SmallJsonRoute)

_FILES_PROBLEMS = (
    *AUTH_PROBLEMS,
    "export_not_found",
    "export_not_ready",
    "object_missing",
    "storage_unavailable",
)
_FILE_PROBLEMS = (*_FILES_PROBLEMS, "file_not_found", "range_not_satisfiable")


@router.post(
    "/checkpoints/{checkpoint}/export",
    operation_id="exportCheckpoint",
    status_code=202,
    response_model=ExportOut,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
        "checkpoint_not_found",
    ),
)
def export_checkpoint(
    checkpoint: CheckpointId,
    body: Annotated[ExportIn, Body(examples=[{"format": "onnx"}])],
    caller: Writer,
    context: Ctx,
    repeat: Repeat,
) -> Response:
    """Have a worker write the checkpoint in another format and check it against the original. One that was exported
    already is not exported again."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: exports.export_out(
                session, exports.create(session, caller.project_id, checkpoint, body.format)
            ),
            status=202,
        )


@router.get(
    "/jobs/{job}/exports",
    operation_id="listExports",
    responses=problems(*AUTH_PROBLEMS, "job_not_found"),
)
def list_exports(job: JobId, caller: Reader, context: Ctx) -> Page[ExportOut]:
    """Exports of the job's checkpoints, newest first; at most 200."""
    with read(context.engine) as session:
        found = exports.list_of_job(session, jobs.get(session, caller.project_id, job).id)
        return Page[ExportOut](
            data=[exports.export_out(session, short_job) for short_job in found], has_more=False
        )


@router.get(
    "/exports/{export}",
    operation_id="getExport",
    responses=problems(*AUTH_PROBLEMS, "export_not_found", "validation_failed"),
)
async def get_export(export: ExportId, caller: Reader, context: Ctx, wait: Wait = 0) -> ExportOut:
    """An export: how far it is, and its files once it succeeded."""

    def look() -> ExportOut:
        with read(context.engine) as session:
            return exports.export_out(session, service.get(session, caller.project_id, "export", export))

    return await awaited(context.hub, caller.standing, export, look, wait)


@router.post(
    "/exports/{export}/cancel",
    operation_id="cancelExport",
    responses=problems(*AUTH_PROBLEMS, "export_not_found", "invalid_transition"),
)
def cancel_export(export: ExportId, caller: Writer, context: Ctx) -> ExportOut:
    """Nobody needs it any more."""
    with write(context.engine) as session:
        return exports.export_out(session, service.cancel(session, caller.project_id, "export", export))


@router.delete(
    "/exports/{export}",
    operation_id="deleteExport",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "export_not_found", "not_over"),
)
def delete_export(export: ExportId, caller: Writer, context: Ctx) -> None:
    """Delete an export that is over, and the files that it made."""
    with write(context.engine) as session:
        service.delete(session, context.storage, caller.project_id, "export", export)


FilePath = Annotated[
    str,
    Path(
        description="As in the export's `files`.",
        json_schema_extra={"minLength": 1},
        examples=["model.onnx"],
    ),
]


@router.head(
    "/exports/{export}/files/{path:rest}",
    operation_id="headExportFile",
    response_class=Response,
    responses=head_responses(*_FILE_PROBLEMS),
    dependencies=[DOWNLOAD_HEADERS],
)
@router.get(
    "/exports/{export}/files/{path:rest}",
    operation_id="downloadExportFile",
    response_class=Response,
    responses=file_responses(*_FILE_PROBLEMS),
    dependencies=[DOWNLOAD_HEADERS],
)
async def download_export_file(
    request: Request, export: ExportId, path: FilePath, caller: Reader, context: Ctx
) -> Response:
    """One file of an export. `Range` resumes a download, and the `ETag` is the hash to check it by."""
    files = await run_in_threadpool(_files, context, caller.project_id, export)
    return await files.send(path, request, context)


@router.get(
    "/exports/{export}/archive",
    operation_id="downloadExport",
    response_class=StreamingResponse,
    responses=archive_responses(*_FILES_PROBLEMS),
)
async def download_export(export: ExportId, caller: Reader, context: Ctx) -> StreamingResponse:
    """The whole export as one zip, in a folder of its own."""
    files = await run_in_threadpool(_files, context, caller.project_id, export)
    return await files.send_archive(context)


def _files(context: Context, project_id: str, export_id: str) -> StoredFiles:
    """
    Raises:
        NotFound: ``export_not_found``; Conflict: ``export_not_ready``.
    """
    with read(context.engine) as session:
        short_job = service.get(session, project_id, "export", export_id)
    if short_job.result is None:
        raise Conflict(
            "export_not_ready",
            f"Export {short_job.id} is {short_job.state}: it has no files yet. GET /v1/exports/{short_job.id}?wait=30 tells when.",
        )
    return StoredFiles.below(
        exports.prefix(short_job),
        short_job.result["files"],
        owner=f"Export {short_job.id}",
        folder=f"{short_job.parent_job_id}-step-{short_job.options['step']:08d}-{short_job.options['format']}",
    )
