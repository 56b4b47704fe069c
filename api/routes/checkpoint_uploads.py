"""Uploads of checkpoints in the layout of `transformers`: begin, put files, complete; and the list of uploaded checkpoints."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Ctx
from api.file_intake import FileIntake, take_in
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.pages import page
from api.parameters import CheckpointId, Cursor, PageLimit
from api.problem_types import CHECKPOINT_FILE_PROBLEMS, problems
from api.strict_json import StrictJsonRoute
from api.uploads import declared_sha256
from control.checkpoints import repository, uploads
from control.checkpoints.inspection import inspect, is_quick
from control.checkpoints.models import Checkpoint
from control.checkpoints.presenters import upload_out, uploaded_out
from control.checkpoints.schemas import (
    CheckpointFile,
    CheckpointUploadIn,
    CheckpointUploadOut,
    UploadedCheckpointOut,
)
from control.checkpoints.upload_files import UploadFile
from control.db import read, write
from control.paging import newest_first
from control.schemas import Page

router = APIRouter(prefix="/v1/checkpoints", tags=["checkpoints"], route_class=StrictJsonRoute)
files_router = APIRouter(prefix="/v1/checkpoints", tags=["checkpoints"])

FileName = Annotated[
    str,
    Path(
        description="As `save_pretrained` of `transformers` names the file. One path component.",
        json_schema_extra={"minLength": 1, "maxLength": 255},
        examples=["config.json"],
    ),
]


@router.post(
    "",
    operation_id="createCheckpoint",
    status_code=201,
    response_model=CheckpointUploadOut,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
    ),
)
def create_checkpoint(body: CheckpointUploadIn, caller: Writer, context: Ctx, repeat: Repeat) -> Response:
    """Begin to upload a checkpoint in the layout of `transformers`. PUT its files, then complete it."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: upload_out(uploads.create(session, caller.project_id, body)),
        )


@router.get(
    "",
    operation_id="listUploadedCheckpoints",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_uploaded_checkpoints(
    caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[UploadedCheckpointOut]:
    """The project's uploaded checkpoints, newest first. Those that jobs wrote are listed with their jobs."""
    with read(context.engine) as session:
        found = newest_first(
            session, repository.uploaded(caller.project_id), Checkpoint.id, limit=limit, cursor=cursor
        )
        rows = [
            uploaded_out(checkpoint, uploads.find(session, caller.project_id, checkpoint.id))
            for checkpoint in found.rows
        ]
        return page(rows, found)


@router.post(
    "/{checkpoint}/complete",
    operation_id="completeCheckpoint",
    responses=problems(
        *AUTH_PROBLEMS,
        "checkpoint_not_found",
        "checkpoint_incomplete",
        "checkpoint_misfit",
        "checkpoint_unsupported",
        "storage_unavailable",
        "storage_full",
    ),
)
def complete_checkpoint(checkpoint: CheckpointId, caller: Writer, context: Ctx) -> UploadedCheckpointOut:
    """Check the files against each other: whole, of a known architecture, with the shapes that `config.json` describes.

    If they fit, this is a checkpoint that jobs can start from; it never changes again, and completing it again changes nothing.
    Otherwise the upload stays open, so that files can be added or replaced.
    """
    with write(context.engine) as session:
        found = uploads.complete(session, context.storage, caller.project_id, checkpoint)
        return uploaded_out(found, uploads.find(session, caller.project_id, checkpoint))


@files_router.put(
    "/{checkpoint}/files/{path:rest}",
    operation_id="uploadCheckpointFile",
    status_code=201,
    responses=problems(
        *AUTH_PROBLEMS,
        "checkpoint_not_found",
        "checkpoint_not_open",
        "file_too_large",
        "validation_failed",
        "invalid_digest",
        "digest_mismatch",
        *CHECKPOINT_FILE_PROBLEMS,
        "storage_full",
        "disk_low",
        "quota_exceeded",
        also={200: {"description": "A file of that name was replaced", "model": CheckpointFile}},
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file, as it is.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_checkpoint_file(
    request: Request,
    response: Response,
    checkpoint: CheckpointId,
    path: FileName,
    caller: Writer,
    context: Ctx,
    content_digest: Annotated[
        str | None,
        Header(
            description="RFC 9530: `sha-256=:BASE64:`. The received bytes are checked against it.",
            max_length=1000,
        ),
    ] = None,
) -> CheckpointFile:
    """Put a file into an open upload; it replaces a file of the same name. Weights are taken as safetensors only; a pickle is
    refused, whatever it is called."""
    expected = declared_sha256(content_digest)
    target = UploadFile(caller.project_id, checkpoint, path)
    await run_in_threadpool(target.expect, context.engine)
    intake = FileIntake(
        reserve=partial(context.room.begin_checkpoint, target),
        inspect=lambda stage, server, handle: inspect(server, stage, path, handle),
        is_quick=lambda stage: is_quick(stage.bytes, path),
        keep=partial(target.keep, context.engine, context.storage),
    )
    file, created = await take_in(request, context, caller, intake, sha256=expected)
    response.status_code = 201 if created else 200
    return CheckpointFile(path=file.path, bytes=file.bytes, sha256=file.sha256)
