"""Rows of datasets → schemas for HTTP."""

from collections.abc import Iterable

from control.datasets import repository, service
from control.datasets.modalities import samples
from control.datasets.models import Dataset, DatasetFile
from control.datasets.repository import Totals
from control.datasets.schemas import DatasetDetail, DatasetFileOut, DatasetOut, FileNote, FilesPassedOver
from control.datasets.statistics import summary
from control.db import ReadSession
from core.formats.containers.passed_over import first_kinds


def present_file(file: DatasetFile) -> DatasetFileOut:
    return DatasetFileOut(
        name=file.name,
        bytes=file.bytes,
        sha256=file.sha256,
        kind=file.report["kind"],
        samples=samples(file.report),
        documents=file.report.get("documents", 0),
        characters=file.report.get("characters", 0),
        bad=file.report.get("bad", 0),
        text_column=file.report.get("text_column"),
        delimiter=file.report.get("delimiter"),
        quote=file.report.get("quote"),
        passed_over=[
            FilesPassedOver(kind=kind, files=number)
            for kind, number in first_kinds(file.report.get("passed_over", {})).items()
        ],
        notes=[FileNote.model_validate(note) for note in file.report.get("notes", ())],
        created_at=file.created_at,
    )


def present_list(session: ReadSession, datasets: Iterable[Dataset]) -> list[DatasetOut]:
    datasets = list(datasets)
    totals = repository.totals(session, [dataset.id for dataset in datasets])
    return [
        DatasetOut.model_validate(
            _fields(dataset, totals.get(dataset.id, Totals())) | {"statistics": summary(dataset.statistics)}
        )
        for dataset in datasets
    ]


def present(session: ReadSession, dataset: Dataset) -> DatasetDetail:
    """A dataset with its files, and with statistics also while it is open."""
    files = repository.files(session, dataset.id)
    totals = repository.totals(session, [dataset.id]).get(dataset.id, Totals())
    fields = _fields(dataset, totals) | {
        "statistics": dataset.statistics or service.statistics(dataset, files),
        "file_list": [present_file(file) for file in files],
    }
    return DatasetDetail.model_validate(fields)


def _fields(dataset: Dataset, totals: Totals) -> dict[str, object]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "modality": dataset.modality,
        "state": dataset.state,
        "files": totals.files,
        "bytes": totals.bytes,
        "samples": totals.samples,
        "documents": totals.documents,
        "characters": totals.characters,
        "sha256": dataset.sha256,
        "statistics": dataset.statistics,
        "created_at": dataset.created_at,
        "completed_at": dataset.completed_at,
    }
