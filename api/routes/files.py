"""Files of a dataset: upload, with a check of the whole file, and removal."""

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api import uploads
from api.auth import AUTH_PROBLEMS, Writer
from api.client_disconnect import while_connected
from api.context import Context, Ctx
from api.parameters import DatasetId
from api.problem_types import FILE_PROBLEMS, problems
from api.upload_room import UploadReservation
from control.datasets import intake, service
from control.datasets.inspection import InspectionResult, inspect, is_quick
from control.datasets.names import check_file_name
from control.datasets.presenters import present_file
from control.datasets.schemas import DatasetFileOut
from control.db import write
from control.inspection.running import Handle
from control.inspection.server import InspectionServer
from control.storage import Stage
from core.formats.tables.dialect import DELIMITER_PATTERN, named_delimiter
from core.formats.tables.reading import ReadingOptions
from core.spec.text import Column

router = APIRouter(prefix="/v1/datasets/{dataset}/files", tags=["datasets"])

FileName = Annotated[
    str,
    Path(
        description="What the file is called; the ending decides how it is read. One path component.",
        json_schema_extra={"minLength": 1, "maxLength": 255},
        examples=["corpus.txt"],
    ),
]


@router.put(
    "/{name:rest}",
    operation_id="uploadFile",
    status_code=201,
    responses=problems(
        *AUTH_PROBLEMS,
        "dataset_not_found",
        "dataset_not_open",
        "file_too_large",
        "validation_failed",
        "invalid_file_name",
        "invalid_digest",
        "digest_mismatch",
        *FILE_PROBLEMS,
        "storage_full",
        "disk_low",
        "quota_exceeded",
        also={200: {"description": "A file of that name was replaced", "model": DatasetFileOut}},
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file, as it is.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_file(
    request: Request,
    response: Response,
    dataset: DatasetId,
    name: FileName,
    caller: Writer,
    context: Ctx,
    content_digest: Annotated[
        str | None,
        Header(
            description="RFC 9530: `sha-256=:BASE64:`. The received bytes are checked against it.",
            max_length=1000,
        ),
    ] = None,
    text_column: Annotated[
        Column | None,
        Query(
            description="Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: `text`, else the only "
            "column of strings.",
        ),
    ] = None,
    image_column: Annotated[
        Column | None,
        Query(
            description="Column (Parquet) that holds the images. Default: `image`, else `img`, else the only column of "
            "images.",
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        Query(
            description="What is between the fields of a CSV, also of one in a zip: one character that is no letter, digit, "
            "quote or backslash, or `tab`. Default: what its first lines fit.",
            max_length=3,
            pattern=DELIMITER_PATTERN,
            examples=[";", "tab"],
        ),
    ] = None,
    quote: Annotated[
        Literal['"', "'", "none"] | None,
        Query(
            description="What is around fields that hold delimiters; with `none`, quotes are characters like others. Default: "
            '`"`, and `none` for a table between tabs or bars whose quotes fit nothing else.'
        ),
    ] = None,
) -> DatasetFileOut:
    """Put a file into an open dataset; it replaces a file of the same name.

    The body is hashed while it is received, and the whole file is inspected before anything is stored: a file without
    usable content is refused, and nothing of it is kept.
    """
    expected = uploads.declared_sha256(content_digest)
    reading = ReadingOptions(
        column=text_column or image_column, delimiter=named_delimiter(delimiter), quote=quote
    )
    modality = await run_in_threadpool(intake.expect, context.engine, caller.project_id, dataset, name)
    loop = asyncio.get_running_loop()
    stage = await loop.run_in_executor(context.uploads, context.storage.stage)
    room: UploadReservation | None = None
    try:
        at_most, length = context.settings.max_upload_bytes, uploads.declared_length(request)
        announced = length if length <= at_most else 0
        room = await run_in_threadpool(context.room.begin, caller.project_id, dataset, name, announced)
        await uploads.receive(request, stage, context.uploads, room, at_most=at_most)
        uploads.check_digest(expected, stage)
        # The disk writes while the file is inspected; both end before the stage is removed.
        syncing = loop.run_in_executor(context.uploads, stage.sync)
        try:
            found = await while_connected(
                request,
                context.inspections.run(
                    caller.project_id,
                    partial(_inspect, stage, name, modality, reading),
                    quick=is_quick(stage.bytes, name, modality),
                ),
            )
        finally:
            await asyncio.wait([syncing])
        await syncing
        caller.credential_check.require_valid()
        room.end()  # from here on the file's row counts against the quota
        file, created = await loop.run_in_executor(
            context.uploads, _keep, context, stage, found, caller.project_id, dataset, name
        )
    finally:
        if room is not None:
            room.end()
        await asyncio.shield(loop.run_in_executor(context.uploads, stage.discard))
    response.status_code = 201 if created else 200
    return file


def _inspect(
    stage: Stage, name: str, modality: str, reading: ReadingOptions, server: InspectionServer, handle: Handle
) -> InspectionResult:
    return inspect(server, stage, name, reading, modality=modality, handle=handle)


def _keep(
    context: Context, stage: Stage, found: InspectionResult, project_id: str, dataset_id: str, name: str
) -> tuple[DatasetFileOut, bool]:
    file, created = intake.add_file(
        context.engine,
        context.storage,
        stage,
        found,
        project_id=project_id,
        dataset_id=dataset_id,
        name=name,
    )
    return present_file(file), created


@router.delete(
    "/{name:rest}",
    operation_id="deleteFile",
    status_code=204,
    responses=problems(
        *AUTH_PROBLEMS, "dataset_not_found", "file_not_found", "dataset_not_open", "invalid_file_name"
    ),
)
def delete_file(dataset: DatasetId, name: FileName, caller: Writer, context: Ctx) -> None:
    """Remove a file from an open dataset."""
    check_file_name(name)
    with write(context.engine) as session:
        service.remove_file(session, context.storage, caller.project_id, dataset, name)
