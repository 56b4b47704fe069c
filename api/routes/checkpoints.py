"""Checkpoints and their files."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.archives import archive
from api.auth import AUTH_PROBLEMS, Reader
from api.catalog import problems
from api.context import Context, Ctx
from api.downloads import from_threads, send_object
from api.parameters import CheckpointId
from api.stored_files import StoredFile, archive_headers, archive_responses, file_responses, head_responses
from control.checkpoints import service
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointOut
from control.db import read
from control.errors import NotFound

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
def get_checkpoint(checkpoint: CheckpointId, caller: Reader, context: Ctx) -> CheckpointOut:
    """One checkpoint, with the list of its files."""
    return service.checkpoint_out(_find(context, caller.project_id, checkpoint))


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
)
@router.get(
    "/{checkpoint}/files/{path:rest}",
    operation_id="downloadCheckpointFile",
    response_class=Response,
    responses=file_responses(*_FILE_PROBLEMS),
)
async def download_checkpoint_file(
    request: Request,
    checkpoint: CheckpointId,
    path: FilePath,
    caller: Reader,
    context: Ctx,
    range_: Annotated[str | None, Header(alias="Range", description="One range: `bytes=0-1023`.")] = None,
    if_none_match: Annotated[str | None, Header(description="An ETag that the client has.")] = None,
    if_range: Annotated[
        str | None, Header(description="The range is sent only if this is still the ETag; else the whole.")
    ] = None,
) -> Response:
    """One file of a checkpoint. `Range` resumes a download, and the `ETag` is the hash to check it by."""
    del range_, if_none_match, if_range  # documented here; `send_object` reads the request itself
    file = await run_in_threadpool(_file, context, caller.project_id, checkpoint, path)
    return await send_object(
        request,
        context.storage,
        context.transfers,
        file.key,
        size=file.size,
        sha256=file.sha256,
        name=path.rpartition("/")[2],
    )


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
    row, files = await run_in_threadpool(_all_files, context, caller.project_id, checkpoint)
    folder = f"{row.job_id}-step-{row.step:08d}"
    members = [(f"{folder}/{path}", file.key, file.size) for path, file in files.items()]
    length, blocks = archive(context.storage, members)
    body = await from_threads(blocks, context.transfers)
    return StreamingResponse(body, media_type="application/zip", headers=archive_headers(folder, length))


def _find(context: Context, project_id: str, checkpoint_id: str) -> Checkpoint:
    with read(context.engine) as session:
        return service.get(session, project_id, checkpoint_id)


def _all_files(
    context: Context, project_id: str, checkpoint_id: str
) -> tuple[Checkpoint, dict[str, StoredFile]]:
    checkpoint = _find(context, project_id, checkpoint_id)
    files = {
        file["path"]: StoredFile(f"{checkpoint.prefix}/{file['path']}", file["bytes"], file["sha256"])
        for file in checkpoint.manifest["files"]
    }
    manifest_key = f"{checkpoint.prefix}/{MANIFEST}"
    files[MANIFEST] = StoredFile(manifest_key, context.storage.size(manifest_key), checkpoint.manifest_sha256)
    return checkpoint, files


def _file(context: Context, project_id: str, checkpoint_id: str, path: str) -> StoredFile:
    checkpoint, files = _all_files(context, project_id, checkpoint_id)
    if path not in files:
        raise NotFound(
            "file_not_found",
            f"Checkpoint {checkpoint.id} has no file {path[:200]!r}. Its `files` list those it has.",
            param="path",
        )
    return files[path]
