"""The routes of a short job's files: downloads, or texts and pictures that are shown inline."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Reader
from api.context import Context, Ctx
from api.inline_content import send_shown, shown_responses
from api.parameters import short_job_id
from api.stored_files import (
    DOWNLOAD_HEADERS,
    StoredFiles,
    archive_responses,
    file_responses,
    head_responses,
)
from control.db import read
from control.errors import Conflict
from control.short_jobs import service
from control.short_jobs.kind import Kind
from control.short_jobs.presenters import ShownFile, shown


def add_routes(router: APIRouter, kind: Kind[Any], *, file: str, example: str, archive: str | None) -> None:
    """Add the routes for the files of a kind.

    Args:
        file: What the OpenAPI document says of the route of one file.
        example: A file's path, or the name of a thing that is shown.
        archive: What it says of the route of all files.
    """
    if kind.files == "shown":
        _add_shown(router, kind, file, example)
    else:
        assert archive is not None
        _add_downloads(router, kind, file, example)
        _add_archive(router, kind, archive)


def _add_shown(router: APIRouter, kind: Kind[Any], text: str, example: str) -> None:
    check, place = short_job_id(kind)

    def find(context: Context, project_id: str, short_job: str, name: str) -> ShownFile:
        with read(context.engine) as session:
            return shown(service.get(session, kind, project_id, short_job), name)

    @router.get(
        f"/{kind.name}s/{{{kind.name}}}/files/{{name:rest}}",
        operation_id=f"get{kind.name.capitalize()}File",
        summary=f"Get {kind.name.capitalize()} File",
        description=text,
        response_class=Response,
        responses=shown_responses(*AUTH_PROBLEMS, f"{kind.name}_not_found", "file_not_found"),
    )
    async def get_file(
        request: Request,
        short_job: Annotated[str, check, place],
        name: Annotated[
            str,
            Path(description="As in `result.shown`.", json_schema_extra={"minLength": 1}, examples=[example]),
        ],
        caller: Reader,
        context: Ctx,
    ) -> Response:
        found = await run_in_threadpool(find, context, caller.project_id, short_job, name)
        return await send_shown(
            request,
            context,
            found.key,
            size=found.bytes,
            sha256=found.sha256,
            media_type=found.media_type,
            name=f"{short_job}-{name}",
        )


def _add_downloads(router: APIRouter, kind: Kind[Any], text: str, example: str) -> None:
    check, place = short_job_id(kind)
    name = kind.name.capitalize()
    codes = (*_problems(kind), "file_not_found", "range_not_satisfiable")
    path = f"/{kind.name}s/{{{kind.name}}}/files/{{path:rest}}"

    async def download_file(
        request: Request,
        short_job: Annotated[str, check, place],
        path: Annotated[
            str,
            Path(
                description=f"As in the {kind.name}'s `files`.",
                json_schema_extra={"minLength": 1},
                examples=[example],
            ),
        ],
        caller: Reader,
        context: Ctx,
    ) -> Response:
        files = await run_in_threadpool(_files, kind, context, caller.project_id, short_job)
        return await files.send(path, request, context)

    for method, verb, responses in (
        ("GET", "download", file_responses(*codes)),
        ("HEAD", "head", head_responses(*codes)),
    ):
        router.add_api_route(
            path,
            download_file,
            methods=[method],
            operation_id=f"{verb}{name}File",
            summary=f"Download {name} File",
            description=text,
            response_class=Response,
            responses=responses,
            dependencies=[DOWNLOAD_HEADERS],
        )


def _add_archive(router: APIRouter, kind: Kind[Any], text: str) -> None:
    check, place = short_job_id(kind)

    @router.get(
        f"/{kind.name}s/{{{kind.name}}}/archive",
        operation_id=f"download{kind.name.capitalize()}",
        summary=f"Download {kind.name.capitalize()}",
        description=text,
        response_class=StreamingResponse,
        responses=archive_responses(*_problems(kind)),
    )
    async def download(
        short_job: Annotated[str, check, place], caller: Reader, context: Ctx
    ) -> StreamingResponse:
        files = await run_in_threadpool(_files, kind, context, caller.project_id, short_job)
        return await files.send_archive(context)


def _problems(kind: Kind[Any]) -> tuple[str, ...]:
    return (
        *AUTH_PROBLEMS,
        f"{kind.name}_not_found",
        f"{kind.name}_not_ready",
        "object_missing",
        "storage_unavailable",
    )


def _files(kind: Kind[Any], context: Context, project_id: str, short_job: str) -> StoredFiles:
    """
    Raises:
        NotFound: as `service.get`; Conflict: ``export_not_ready`` and so on, by the kind's name.
    """
    with read(context.engine) as session:
        row = service.get(session, kind, project_id, short_job)
    name = kind.name
    if row.result is None:
        raise Conflict(
            f"{name}_not_ready",
            f"{name.capitalize()} {row.id} is {row.state}: it has no files yet. Wait for its end with GET /v1/{name}s/{row.id}?wait=30.",
            params={"kind": name, "id": row.id, "state": row.state},
        )
    chosen = [str(value) for option, value in row.options.items() if option != "step"]
    return StoredFiles.below(
        row.result["prefix"],
        row.result["files"],
        owner=f"{name.capitalize()} {row.id}",
        folder="-".join([row.parent_job_id or row.id, f"step-{row.options.get('step', 0):08d}", *chosen]),
    )
