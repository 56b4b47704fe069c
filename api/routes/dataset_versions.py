"""Versions of a dataset."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.context import Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.pages import page
from api.parameters import Cursor, DatasetId, PageLimit
from api.problem_types import problems
from api.strict_json import StrictJsonRoute
from control.datasets import versions
from control.datasets.presenters import present, present_list
from control.datasets.schemas import DatasetDetail, DatasetOut, VersionIn
from control.db import read, write
from control.jobs.continuation import continuation
from control.jobs.presenters import continuation_out
from control.jobs.schemas import ContinuationOut
from control.schemas import Page

router = APIRouter(prefix="/v1/datasets/{dataset}", tags=["datasets"], route_class=StrictJsonRoute)


@router.post(
    "/versions",
    operation_id="createVersion",
    status_code=201,
    response_model=DatasetDetail,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
        "dataset_not_found",
        "dataset_not_ready",
        "modality_mismatch",
    ),
)
def create_version(
    dataset: DatasetId,
    caller: Writer,
    context: Ctx,
    repeat: Repeat,
    body: Annotated[VersionIn | None, Body(examples=[{"name": "corpus, May"}])] = None,
) -> Response:
    """Open a new version of a complete dataset: it has all files of that one. PUT further files into it, then complete it.

    Nothing is copied: both share what is stored, and either can be deleted without loss for the other.
    """
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: present(
                session, versions.create(session, caller.project_id, dataset, body or VersionIn())
            ),
        )


@router.get(
    "/versions",
    operation_id="listVersions",
    responses=problems(*AUTH_PROBLEMS, "dataset_not_found", "validation_failed", "invalid_cursor"),
)
def list_versions(
    dataset: DatasetId, caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[DatasetOut]:
    """All versions of the dataset, itself included, newest first; those that were deleted are left out."""
    with read(context.engine) as session:
        found = versions.list_versions(session, caller.project_id, dataset, limit=limit, cursor=cursor)
        return page(present_list(session, found.rows), found)


@router.get(
    "/continuation",
    operation_id="getContinuation",
    responses=problems(*AUTH_PROBLEMS, "dataset_not_found"),
)
def get_continuation(dataset: DatasetId, caller: Reader, context: Ctx) -> ContinuationOut:
    """A job that goes on with what this version added, from the best checkpoint of the last job on its parent. It is not submitted:
    its spec can be changed first."""
    with read(context.engine) as session:
        return continuation_out(dataset, continuation(session, caller.project_id, dataset))
