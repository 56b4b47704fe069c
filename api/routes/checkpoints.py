"""Checkpoints and their files."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Context, Ctx
from api.downloads import send_written
from api.parameters import CheckpointId
from api.problem_types import problems
from api.stored_files import (
    DOWNLOAD_HEADERS,
    StoredFile,
    StoredFiles,
    WrittenFile,
    archive_responses,
    file_responses,
    head_responses,
)
from control.checkpoints import deletion, service, uploads
from control.checkpoints.presenters import checkpoint_out, uploaded_out
from control.checkpoints.schemas import CheckpointOut, UploadedCheckpointOut
from control.db import read, write
from control.model_cards import service as model_cards

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
        description="As in the checkpoint's `files`; `manifest.json` as well, and `README.md`, the model card.",
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
    """One file of a checkpoint. `Range` resumes a download, and the `ETag` is the hash to check it by. Only `README.md` changes, and
    its `ETag` with it, unless it was uploaded with the checkpoint."""
    is_card = path == model_cards.FILE
    files = await run_in_threadpool(_files, context, caller.project_id, checkpoint, with_card=is_card)
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
    """The whole checkpoint as one zip, in a folder of its own that opens with `transformers`, with its model card."""
    files = await run_in_threadpool(_files, context, caller.project_id, checkpoint, with_card=True)
    return await files.send_archive(context)


@router.get(
    "/{checkpoint}/card",
    operation_id="getModelCard",
    response_class=Response,
    responses=problems(
        *AUTH_PROBLEMS,
        "checkpoint_not_found",
        also={
            200: {
                "description": "The model card.",
                "content": {"text/markdown": {"schema": {"type": "string"}}},
                "headers": {"ETag": {"description": "Its SHA-256, in quotes.", "schema": {"type": "string"}}},
            },
            304: {"description": "The client has it already."},
        },
    ),
)
async def get_model_card(
    request: Request,
    checkpoint: CheckpointId,
    caller: Reader,
    context: Ctx,
    _if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="An ETag that the client has.")
    ] = None,
) -> Response:
    """The model card of a checkpoint, in the format of the Hugging Face Hub: Markdown with metadata. It tells what is known now, so
    it changes when the checkpoint is evaluated, or a dataset renamed."""
    card = await run_in_threadpool(_card, context, caller.project_id, checkpoint)
    return await send_written(
        request,
        card.content,
        sha256=card.sha256,
        name=model_cards.FILE,
        shown_as="text/markdown; charset=utf-8",
    )


def _card(context: Context, project_id: str, checkpoint_id: str) -> WrittenFile:
    with read(context.engine) as session:
        return WrittenFile(model_cards.of(session, project_id, checkpoint_id).encode())


def _files(context: Context, project_id: str, checkpoint_id: str, *, with_card: bool) -> StoredFiles:
    """The files that the checkpoint's manifest lists, the manifest, and the model card unless it was uploaded with one.

    Args:
        with_card: Whether the model card is needed: to write it reads the curves of the job's losses.
    """
    with read(context.engine) as session:
        checkpoint = service.get(session, project_id, checkpoint_id)
        write_card = with_card and not model_cards.has_its_own(checkpoint)
        card = WrittenFile(model_cards.card(session, checkpoint).encode()) if write_card else None
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
    return replace(
        found, files={**found.files, MANIFEST: manifest} | ({model_cards.FILE: card} if card else {})
    )
