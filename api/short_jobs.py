"""The routes of short jobs, made for each kind from its description.

`control.short_jobs.kind` describes a kind, `api.routes.short_jobs` holds the descriptions of its routes. The routes of ``NAME``:

    POST   /v1/jobs/NAME, /v1/checkpoints/{checkpoint}/NAME or /v1/NAMEs   ask for one
    GET    /v1/jobs/{job}/NAMEs                                 those about a job's checkpoints
    GET    /v1/NAMEs/{NAME}?wait=SECONDS                        how it stands
    POST   /v1/NAMEs/{NAME}/cancel
    DELETE /v1/NAMEs/{NAME}
    GET    /v1/NAMEs/{NAME}/files/{path}, …/archive             what it made, or …/files/{name}, what it shows
"""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel

from api import examples, short_job_files
from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.long_poll import awaited
from api.parameters import CheckpointId, JobId, Wait, short_job_id
from api.problem_types import problems
from api.strict_json import SmallJsonRoute, StrictJsonRoute
from control.db import read, write
from control.jobs import service as jobs
from control.jobs.schemas import JobIn
from control.schemas import Page
from control.short_jobs import service
from control.short_jobs.kind import FromCheckpointAndData, FromSpec, Kind, OnDataset, ShortJobOut
from control.short_jobs.presenters import short_job_out
from control.short_jobs.registry import kinds

_BODY_PROBLEMS = (
    *AUTH_PROBLEMS,
    *REPEAT_PROBLEMS,
    "invalid_json",
    "body_too_large",
    "body_too_slow",
    "validation_failed",
)
_SPEC_PROBLEMS = (
    "checkpoint_not_found",
    "dataset_not_found",
    "dataset_not_ready",
    "dataset_too_small",
    "data_unreadable",
    "too_many_bad_samples",
    "tokenizer_invalid",
    "spec_exceeds_memory",
    "no_worker_online",
)


@dataclass(frozen=True)
class Texts:
    """The descriptions of one kind in the OpenAPI document."""

    tag: str
    """Description of the kind's tag."""
    create: str
    get: str
    cancel: str
    delete: str
    create_example: Mapping[str, Any] | None = None
    """Example of a request body, if the kind works on a checkpoint."""
    refusals: Sequence[str] = ()
    """Codes of problems of its creation besides those of every kind."""
    list: str | None = None
    """Description of the list of those on a job's checkpoints; None if there is no such route."""
    file: str | None = None
    """Description of the route of one file, if the kind has files."""
    file_example: str = ""
    """Example of a file's path or name."""
    archive: str | None = None
    """Description of the archive of all files, if they are downloads."""


def texts(kind: Kind[Any]) -> Texts:
    """The descriptions of a kind: ``TEXTS`` of the module in `api.routes.short_jobs` with the kind's name."""
    found: Texts = importlib.import_module(f"api.routes.short_jobs.{kind.name}").TEXTS
    return found


def tags(*, from_spec: bool) -> list[dict[str, str]]:
    """OpenAPI tags of the kinds that work on a spec, or of the others."""
    return [{"name": f"{kind.name}s", "description": texts(kind).tag} for kind in _kinds(from_spec=from_spec)]


def routers(*, from_spec: bool) -> list[APIRouter]:
    """Routers of the kinds that work on a spec, or of the others."""
    return [router(kind, texts(kind)) for kind in _kinds(from_spec=from_spec)]


def _kinds(*, from_spec: bool) -> list[Kind[Any]]:
    return [kind for kind in kinds().values() if isinstance(kind.starts_from, FromSpec) == from_spec]


def router(kind: Kind[Any], texts: Texts) -> APIRouter:
    """All routes of one kind."""
    of_spec = isinstance(kind.starts_from, FromSpec)
    made = APIRouter(
        prefix="/v1", tags=[f"{kind.name}s"], route_class=StrictJsonRoute if of_spec else SmallJsonRoute
    )
    if of_spec:
        _add_create_from_spec(made, kind, texts)
    elif isinstance(kind.starts_from, FromCheckpointAndData):
        _add_create_from_checkpoint_and_data(made, kind, texts)
    else:
        _add_create_from_checkpoint(made, kind, texts)
    if texts.list is not None:
        _add_list(made, kind, texts.list)
    _add_verbs(made, kind, texts)
    if kind.files is not None:
        assert texts.file is not None
        short_job_files.add_routes(
            made, kind, file=texts.file, example=texts.file_example, archive=texts.archive
        )
    return made


def _operation(verb: str, what: str, text: str) -> dict[str, Any]:
    """What the OpenAPI document says of an operation such as ``get``, ``Estimate``, for `APIRouter.add_api_route`."""
    return {
        "operation_id": verb + what,
        "summary": f"{verb} {what}".title(),
        "description": inspect.cleandoc(text),
    }


def _add_create_from_spec(router: APIRouter, kind: Kind[Any], texts: Texts) -> None:
    def create(
        body: Annotated[JobIn, Body(examples=[examples.JOB])],
        caller: Writer,
        context: Ctx,
        repeat: Repeat,
        options: BaseModel,
    ) -> Response:
        with write(context.engine) as session:
            return repeat.answer(
                session,
                caller.project_id,
                lambda: short_job_out(
                    session,
                    kind,
                    service.create_from_spec(session, kind, caller.project_id, body, options),
                ),
                status=202,
            )

    # FastAPI reads the model from here; as an annotation in the code it would have to be known to the type checker.
    create.__annotations__["options"] = Annotated[kind.options, Query()]
    router.add_api_route(
        f"/jobs/{kind.name}",
        create,
        methods=["POST"],
        status_code=202,
        response_model=kind.out,
        responses=problems(*_BODY_PROBLEMS, *_SPEC_PROBLEMS),
        **_operation(kind.name, "Job", texts.create),
    )


def _add_create_from_checkpoint(router: APIRouter, kind: Kind[Any], texts: Texts) -> None:
    def create(
        checkpoint: CheckpointId, body: BaseModel, caller: Writer, context: Ctx, repeat: Repeat
    ) -> Response:
        with write(context.engine) as session:
            return repeat.answer(
                session,
                caller.project_id,
                lambda: short_job_out(
                    session,
                    kind,
                    service.create_from_checkpoint(session, kind, caller.project_id, checkpoint, body),
                ),
                status=202,
            )

    # As above.
    create.__annotations__["body"] = Annotated[kind.options, Body(examples=[texts.create_example or {}])]
    router.add_api_route(
        f"/checkpoints/{{checkpoint}}/{kind.name}",
        create,
        methods=["POST"],
        status_code=202,
        response_model=kind.out,
        responses=problems(*_BODY_PROBLEMS, "checkpoint_not_found", *texts.refusals),
        **_operation(kind.name, "Checkpoint", texts.create),
    )


def _add_create_from_checkpoint_and_data(router: APIRouter, kind: Kind[Any], texts: Texts) -> None:
    def create(body: OnDataset, caller: Writer, context: Ctx, repeat: Repeat) -> Response:
        with write(context.engine) as session:
            return repeat.answer(
                session,
                caller.project_id,
                lambda: short_job_out(
                    session,
                    kind,
                    service.create_from_checkpoint_and_data(session, kind, caller.project_id, body),
                ),
                status=202,
            )

    # As above.
    create.__annotations__["body"] = Annotated[kind.options, Body(examples=[texts.create_example or {}])]
    router.add_api_route(
        f"/{kind.name}s",
        create,
        methods=["POST"],
        status_code=202,
        response_model=kind.out,
        responses=problems(
            *_BODY_PROBLEMS,
            "checkpoint_not_found",
            "dataset_not_found",
            "dataset_not_ready",
            "modality_mismatch",
        ),
        **_operation("create", kind.name.capitalize(), texts.create),
    )


def _add_list(router: APIRouter, kind: Kind[Any], text: str) -> None:
    def list_of_job(job: JobId, caller: Reader, context: Ctx) -> Any:
        with read(context.engine) as session:
            found = service.list_of_job(session, kind, jobs.get(session, caller.project_id, job).id)
            return Page[Any](data=[short_job_out(session, kind, row) for row in found], has_more=False)

    router.add_api_route(
        f"/jobs/{{job}}/{kind.name}s",
        list_of_job,
        methods=["GET"],
        response_model=Page[kind.out],  # type: ignore[name-defined]  # known when the app is made
        responses=problems(*AUTH_PROBLEMS, "job_not_found"),
        **_operation("list", f"{kind.name.capitalize()}s", text),
    )


def _add_verbs(router: APIRouter, kind: Kind[Any], texts: Texts) -> None:
    check, place = short_job_id(kind)
    not_found, name = f"{kind.name}_not_found", kind.name.capitalize()
    path = f"/{kind.name}s/{{{kind.name}}}"

    async def get(
        short_job: Annotated[str, check, place], caller: Reader, context: Ctx, wait: Wait = 0
    ) -> ShortJobOut:
        def look() -> ShortJobOut:
            with read(context.engine) as session:
                row = service.get(session, kind, caller.project_id, short_job)
                out: ShortJobOut = short_job_out(session, kind, row)
                return out

        return await awaited(context.hub, caller.credential_check, short_job, look, wait)

    def cancel(short_job: Annotated[str, check, place], caller: Writer, context: Ctx) -> Any:
        with write(context.engine) as session:
            return short_job_out(session, kind, service.cancel(session, kind, caller.project_id, short_job))

    def delete(short_job: Annotated[str, check, place], caller: Writer, context: Ctx) -> None:
        with write(context.engine) as session:
            service.delete(session, context.storage, kind, caller.project_id, short_job)

    router.add_api_route(
        path,
        get,
        methods=["GET"],
        response_model=kind.out,
        responses=problems(*AUTH_PROBLEMS, not_found, "validation_failed"),
        **_operation("get", name, texts.get),
    )
    router.add_api_route(
        f"{path}/cancel",
        cancel,
        methods=["POST"],
        response_model=kind.out,
        responses=problems(*AUTH_PROBLEMS, not_found, "invalid_transition"),
        **_operation("cancel", name, texts.cancel),
    )
    router.add_api_route(
        path,
        delete,
        methods=["DELETE"],
        status_code=204,
        responses=problems(*AUTH_PROBLEMS, not_found, "not_over"),
        **_operation("delete", name, texts.delete),
    )
