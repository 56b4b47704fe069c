"""Files of a dataset: upload, with a check of the whole file, and removal."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Writer
from api.context import Ctx
from api.file_intake import FileIntake, take_in
from api.parameters import DatasetId
from api.problem_types import FILE_PROBLEMS, problems
from api.uploads import declared_sha256
from control.datasets import intake, service
from control.datasets.inspection import inspect, is_quick
from control.datasets.names import check_file_name
from control.datasets.presenters import present_file
from control.datasets.schemas import DatasetFileOut
from control.db import write
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
        "file_inherited",
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
    """Put a file into an open dataset; it replaces a file of the same name, unless that is one of the dataset's parent.

    The body is hashed while it is received, and the whole file is inspected before anything is stored: a file without
    usable content is refused, and nothing of it is kept.
    """
    expected = declared_sha256(content_digest)
    reading = ReadingOptions(
        column=text_column or image_column, delimiter=named_delimiter(delimiter), quote=quote
    )
    modality = await run_in_threadpool(intake.expect, context.engine, caller.project_id, dataset, name)
    intake_of_file = FileIntake(
        reserve=partial(context.room.begin, caller.project_id, dataset, name),
        inspect=lambda stage, server, handle: inspect(
            server, stage, name, reading, modality=modality, handle=handle
        ),
        is_quick=lambda stage: is_quick(stage.bytes, name, modality),
        keep=partial(
            intake.add_file,
            context.engine,
            context.storage,
            project_id=caller.project_id,
            dataset_id=dataset,
            name=name,
        ),
    )
    file, created = await take_in(request, context, caller, intake_of_file, sha256=expected)
    response.status_code = 201 if created else 200
    return present_file(file)


@router.delete(
    "/{name:rest}",
    operation_id="deleteFile",
    status_code=204,
    responses=problems(
        *AUTH_PROBLEMS,
        "dataset_not_found",
        "file_not_found",
        "dataset_not_open",
        "file_inherited",
        "invalid_file_name",
    ),
)
def delete_file(dataset: DatasetId, name: FileName, caller: Writer, context: Ctx) -> None:
    """Remove a file from an open dataset."""
    check_file_name(name)
    with write(context.engine) as session:
        service.remove_file(session, context.storage, caller.project_id, dataset, name)
