"""Checkpoints and their files."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Context, Ctx
from api.parameters import CheckpointId
from api.problem_types import problems
from api.stored_files import (
    DOWNLOAD_HEADERS,
    StoredFile,
    StoredFiles,
    archive_responses,
    file_responses,
    head_responses,
)
from control.checkpoints import deletion, service, uploads
from control.checkpoints.models import Checkpoint
from control.checkpoints.presenters import checkpoint_out, uploaded_out
from control.checkpoints.schemas import CheckpointOut, UploadedCheckpointOut
from control.db import read, write

router = APIRouter(prefix="/v1/checkpoints", tags=["checkpoints"])

MANIFEST = "manifest.json"
_FILE_PROBLEMS = (
    *AUTH_PROBLEMS,
    "checkpoint_not_found",
    "file_not_found",
    "object_missing",
    "range_not_satisfiable",
    "storage_unavailable",
)


@router.get(
    "/{checkpoint}",
    operation_id="getCheckpoint",
    responses=problems(*AUTH_PROBLEMS, "checkpoint_not_found"),
)
def get_checkpoint(
    checkpoint: CheckpointId, caller: Reader, context: Ctx
) -> UploadedCheckpointOut | CheckpointOut:
    """One checkpoint, with the list of its files; of an uploaded one, also with the spec that jobs take from it."""
    with read(context.engine) as session:
        found = service.get(session, caller.project_id, checkpoint)
        if uploads.is_uploaded(found):
            return uploaded_out(found, uploads.find(session, caller.project_id, checkpoint))
        return checkpoint_out(found)


@router.delete(
    "/{checkpoint}",
    operation_id="deleteCheckpoint",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "checkpoint_not_found", "checkpoint_in_use"),
)
def delete_checkpoint(checkpoint: CheckpointId, caller: Writer, context: Ctx) -> None:
    """Delete a checkpoint and its files, or an upload that is still open. Refused for the newest one of a job that is not over, and
    while a fork or an export starts from it."""
    with write(context.engine) as session:
        if (upload := uploads.open_upload(session, caller.project_id, checkpoint)) is not None:
            uploads.discard(session, context.storage, upload)
            return
        deletion.delete(session, context.storage, caller.project_id, checkpoint)


FilePath = Annotated[
    str,
    Path(
        description="As in the checkpoint's `files`; `manifest.json` as well.",
        json_schema_extra={"minLength": 1},
        examples=["model.safetensors"],
    ),
]


@router.head(
    "/{checkpoint}/files/{path:rest}",
    operation_id="headCheckpointFile",
    response_class=Response,
    responses=head_responses(*_FILE_PROBLEMS),
    dependencies=[DOWNLOAD_HEADERS],
)
@router.get(
    "/{checkpoint}/files/{path:rest}",
    operation_id="downloadCheckpointFile",
    response_class=Response,
    responses=file_responses(*_FILE_PROBLEMS),
    dependencies=[DOWNLOAD_HEADERS],
)
async def download_checkpoint_file(
    request: Request, checkpoint: CheckpointId, path: FilePath, caller: Reader, context: Ctx
) -> Response:
    """One file of a checkpoint. `Range` resumes a download, and the `ETag` is the hash to check it by."""
    files = await run_in_threadpool(_files, context, caller.project_id, checkpoint)
    return await files.send(path, request, context)


@router.get(
    "/{checkpoint}/archive",
    operation_id="downloadCheckpoint",
    response_class=StreamingResponse,
    responses=archive_responses(
        *AUTH_PROBLEMS, "checkpoint_not_found", "object_missing", "storage_unavailable"
    ),
)
async def download_checkpoint(checkpoint: CheckpointId, caller: Reader, context: Ctx) -> StreamingResponse:
    """The whole checkpoint as one zip, in a folder of its own that opens with `transformers`."""
    files = await run_in_threadpool(_files, context, caller.project_id, checkpoint)
    return await files.send_archive(context)


def _find(context: Context, project_id: str, checkpoint_id: str) -> Checkpoint:
    with read(context.engine) as session:
        return service.get(session, project_id, checkpoint_id)


def _files(context: Context, project_id: str, checkpoint_id: str) -> StoredFiles:
    """The files that the checkpoint's manifest lists, and the manifest."""
    checkpoint = _find(context, project_id, checkpoint_id)
    found = StoredFiles.below(
        checkpoint.prefix,
        checkpoint.manifest["files"],
        owner=f"Checkpoint {checkpoint.id}",
        folder=checkpoint.id
        if uploads.is_uploaded(checkpoint)
        else f"{checkpoint.job_id}-step-{checkpoint.step:08d}",
    )
    key = f"{checkpoint.prefix}/{MANIFEST}"
    manifest = StoredFile(key, context.storage.size(key), checkpoint.manifest_sha256)
    return replace(found, files={**found.files, MANIFEST: manifest})
