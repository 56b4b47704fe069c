"""Rows of datasets → schemas for HTTP."""

from collections.abc import Iterable
from dataclasses import asdict

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
        inherited=file.inherited,
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
    versions = [dataset.id for dataset in datasets if dataset.parent_id is not None]
    added = repository.totals(session, versions, added=True) if versions else {}
    return [
        DatasetOut.model_validate(
            _fields(dataset, totals.get(dataset.id, Totals()))
            | {
                "statistics": summary(dataset.statistics),
                "added": _added(added.get(dataset.id, Totals()), None) if dataset.parent_id else None,
            }
        )
        for dataset in datasets
    ]


def present(session: ReadSession, dataset: Dataset) -> DatasetDetail:
    """A dataset with its files, and with statistics also while it is open."""
    files = repository.files(session, dataset.id)
    totals = repository.totals(session, [dataset.id]).get(dataset.id, Totals())
    added = None
    if dataset.parent_id is not None:
        own = repository.totals(session, [dataset.id], added=True).get(dataset.id, Totals())
        added = _added(own, service.statistics(dataset, [file for file in files if not file.inherited]))
    fields = _fields(dataset, totals) | {
        "added": added,
        "statistics": dataset.statistics or service.statistics(dataset, files),
        "file_list": [present_file(file) for file in files],
    }
    return DatasetDetail.model_validate(fields)


def _added(totals: Totals, statistics: dict[str, object] | None) -> dict[str, object]:
    return {**asdict(totals), "statistics": statistics}


def _fields(dataset: Dataset, totals: Totals) -> dict[str, object]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "modality": dataset.modality,
        "parent": dataset.parent_id,
        "version": dataset.version,
        "state": dataset.state,
        **asdict(totals),
        "sha256": dataset.sha256,
        "statistics": dataset.statistics,
        "created_at": dataset.created_at,
        "completed_at": dataset.completed_at,
    }
