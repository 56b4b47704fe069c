"""Previews and contact sheets of datasets, made from the examples that the inspection of each file stored."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.context import Context
from control.datasets import examples, repository, service
from control.datasets.inspection import sheet, text_examples
from control.datasets.models import Dataset, DatasetFile
from control.datasets.schemas import DatasetPreview
from control.db import read, write
from control.errors import Invalid
from control.inspection.running import Handle
from control.inspection.server import InspectionServer


async def preview(
    context: Context, project_id: str, dataset_id: str, documents: int, characters: int
) -> DatasetPreview:
    """The first characters of the first documents.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``wrong_modality``; StorageNotFound: a file whose examples were still to
            be made is gone.
    """
    readable = await run_in_threadpool(_readable, context, project_id, dataset_id)
    # Each file has at least one document, so no more files than documents are needed.
    wanted = readable[:documents]
    for file in wanted:
        if await run_in_threadpool(_lacks_examples, context, file):
            found = await context.inspections.run(project_id, partial(_make, context, file))
            await run_in_threadpool(_keep, context, file, found)

    def assemble() -> DatasetPreview:
        shown = zip((file.name for file in wanted), _stored(context, wanted), strict=True)
        return examples.preview(shown, readable=len(readable), documents=documents, characters=characters)

    return await run_in_threadpool(assemble)


async def contact_sheet(
    context: Context, project_id: str, dataset_id: str, images: int, columns: int
) -> bytes:
    """A PNG of some images or recordings, spread evenly over the files.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``wrong_modality``.
    """

    def find() -> tuple[str, list[str]]:
        with read(context.engine) as session:
            dataset = service.get(session, project_id, dataset_id)
            service.expect_pictures(dataset)
            files = [file for file in repository.files(session, dataset.id) if file.report.get("samples")]
        wanted = files[:images]
        return dataset.modality, list(examples.evenly(_stored(context, wanted), len(wanted), images))

    modality, thumbnails = await run_in_threadpool(find)

    def draw(server: InspectionServer, handle: Handle) -> bytes:
        return sheet(server, modality, thumbnails, columns, handle)

    return await context.inspections.run(project_id, draw, quick=True)


def _readable(context: Context, project_id: str, dataset_id: str) -> list[DatasetFile]:
    with read(context.engine) as session:
        found: Dataset = service.get(session, project_id, dataset_id)
        service.expect_modality(found, "text", f"/v1/datasets/{found.id}/contact-sheet")
        return [file for file in repository.files(session, found.id) if file.report.get("documents")]


def _stored(context: Context, files: list[DatasetFile]) -> Iterator[dict[str, Any]]:
    """The stored examples of each file, in order."""
    for file in files:
        with read(context.engine) as session:
            found = repository.examples(session, file.id)
        yield examples.decoded(found)


def _lacks_examples(context: Context, file: DatasetFile) -> bool:
    with read(context.engine) as session:
        return repository.examples(session, file.id) is None


def _make(context: Context, file: DatasetFile, server: InspectionServer, handle: Handle) -> dict[str, Any]:
    try:
        return text_examples(server, context.storage, file, handle)
    except Invalid:
        # It was read at its upload. If it cannot be read now, for any reason, it has no examples.
        return dict(examples.NONE)


def _keep(context: Context, file: DatasetFile, found: dict[str, Any]) -> None:
    with write(context.engine) as session:
        repository.keep_examples(session, file, examples.encoded(found))
