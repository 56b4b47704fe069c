"""Datasets."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import dataset_examples as showing
from api.auth import AUTH_PROBLEMS, Reader, Writer
from api.client_disconnect import while_connected
from api.context import Ctx
from api.idempotency import REPEAT_PROBLEMS, Repeat
from api.pages import page
from api.parameters import Cursor, DatasetId, PageLimit
from api.problem_types import problems
from api.strict_json import StrictJsonRoute
from control.datasets import service
from control.datasets.presenters import present, present_list
from control.datasets.schemas import DatasetDetail, DatasetIn, DatasetOut, DatasetPreview
from control.db import read, write
from control.schemas import Page

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=StrictJsonRoute)


@router.post(
    "",
    operation_id="createDataset",
    status_code=201,
    response_model=DatasetDetail,
    responses=problems(
        *AUTH_PROBLEMS,
        *REPEAT_PROBLEMS,
        "invalid_json",
        "body_too_large",
        "body_too_slow",
        "validation_failed",
    ),
)
def create_dataset(body: DatasetIn, caller: Writer, context: Ctx, repeat: Repeat) -> Response:
    """Open a dataset. PUT files into it, then complete it."""
    with write(context.engine) as session:
        return repeat.answer(
            session,
            caller.project_id,
            lambda: present(session, service.create(session, caller.project_id, body)),
        )


@router.get(
    "",
    operation_id="listDatasets",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_datasets(
    caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[DatasetOut]:
    """The project's datasets, newest first."""
    with read(context.engine) as session:
        found = service.list_datasets(session, caller.project_id, limit=limit, cursor=cursor)
        return page(present_list(session, found.rows), found)


@router.get("/{dataset}", operation_id="getDataset", responses=problems(*AUTH_PROBLEMS, "dataset_not_found"))
def get_dataset(dataset: DatasetId, caller: Reader, context: Ctx) -> DatasetDetail:
    """One dataset, with its files."""
    with read(context.engine) as session:
        return present(session, service.get(session, caller.project_id, dataset))


@router.post(
    "/{dataset}/complete",
    operation_id="completeDataset",
    responses=problems(*AUTH_PROBLEMS, "dataset_not_found", "dataset_empty"),
)
def complete_dataset(dataset: DatasetId, caller: Writer, context: Ctx) -> DatasetDetail:
    """Close the dataset, so that jobs may run on it. It never changes again; completing it again changes nothing."""
    with write(context.engine) as session:
        return present(session, service.complete(session, caller.project_id, dataset))


@router.get(
    "/{dataset}/preview",
    operation_id="previewDataset",
    responses=problems(
        *AUTH_PROBLEMS, "dataset_not_found", "wrong_modality", "object_missing", "validation_failed"
    ),
)
async def preview_dataset(
    request: Request,
    dataset: DatasetId,
    caller: Reader,
    context: Ctx,
    documents: Annotated[int, Query(ge=1, le=100, description="At most so many documents.")] = 5,
    characters: Annotated[
        int, Query(ge=1, le=20_000, description="Of each, at most so many characters.")
    ] = 500,
) -> DatasetPreview:
    """The beginnings of the first documents, spread evenly over the files, read as training will read them.

    Of each file 100 documents are kept: of its first 5 up to 20,000 characters, of the others up to 500.
    """
    return await while_connected(
        request, showing.preview(context, caller.project_id, dataset, documents, characters)
    )


@router.get(
    "/{dataset}/contact-sheet",
    operation_id="getContactSheet",
    response_class=Response,
    responses=problems(
        *AUTH_PROBLEMS,
        "dataset_not_found",
        "wrong_modality",
        "validation_failed",
        also={200: {"description": "The sheet", "content": {"image/png": {}}}},
    ),
)
async def contact_sheet(
    request: Request,
    dataset: DatasetId,
    caller: Reader,
    context: Ctx,
    images: Annotated[int, Query(ge=1, le=200, description="At most so many images or recordings.")] = 48,
    columns: Annotated[int, Query(ge=1, le=50, description="Images or recordings side by side.")] = 12,
) -> Response:
    """Some images of the dataset side by side, as a PNG: each 64 pixels square, 2 apart.

    Of audio some recordings: each one's waveform over its spectrogram, 160 by 120 pixels, 4 apart.
    """
    sheet = await while_connected(
        request, showing.contact_sheet(context, caller.project_id, dataset, images, columns)
    )
    return Response(sheet, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@router.delete(
    "/{dataset}",
    operation_id="deleteDataset",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "dataset_not_found", "dataset_in_use"),
)
def delete_dataset(dataset: DatasetId, caller: Writer, context: Ctx) -> None:
    """Delete the dataset and its bytes. Refused while a job that is not over needs it."""
    with write(context.engine) as session:
        service.delete(session, context.storage, caller.project_id, dataset)
