"""The service of datasets: create, list, complete and delete them, and remove files."""

import hashlib
import json
from collections.abc import Iterable
from typing import Literal

from control.datasets import blobs, repository
from control.datasets.modalities import MODALITIES, samples
from control.datasets.models import Dataset, DatasetFile
from control.datasets.schemas import DatasetIn
from control.db import ReadSession, WriteSession, now
from control.errors import Conflict, NotFound
from control.ids import new_id
from control.paging import Slice, newest_first
from control.storage import Storage


def create(session: WriteSession, project_id: str, body: DatasetIn) -> Dataset:
    """A new dataset, open for files."""
    dataset = Dataset(id=new_id("ds"), project_id=project_id, name=body.name, modality=body.modality)
    session.add(dataset)
    session.flush()
    session.refresh(dataset)
    return dataset


def list_datasets(session: ReadSession, project_id: str, *, limit: int, cursor: str | None) -> Slice[Dataset]:
    """The project's datasets, newest first."""
    return newest_first(session, repository.of_project(project_id), Dataset.id, limit=limit, cursor=cursor)


def get(
    session: ReadSession, project_id: str, dataset_id: str, *, lock: bool = False, share: bool = False
) -> Dataset:
    """The dataset; with ``lock``, no other transaction changes it (``share``: completes or deletes it) meanwhile.

    Raises:
        NotFound: ``dataset_not_found``.
    """
    how: Literal["update", "share"] | None = "share" if share else "update" if lock else None
    dataset = repository.of_id(session, project_id, dataset_id, lock=how)
    if dataset is None:
        raise NotFound(
            "dataset_not_found",
            f"There is no dataset {dataset_id} in this project. GET /v1/datasets lists what there is.",
            param="dataset",
            params={"dataset": dataset_id},
        )
    return dataset


def get_open(
    session: ReadSession, project_id: str, dataset_id: str, *, lock: bool = False, share: bool = False
) -> Dataset:
    """Like `get`, for a dataset whose files are about to change.

    Raises:
        Conflict: ``dataset_not_open``.
    """
    dataset = get(session, project_id, dataset_id, lock=lock, share=share)
    if dataset.state != "open":
        raise Conflict(
            "dataset_not_open",
            f"Dataset {dataset.id} is complete, and complete datasets never change, because jobs may use them. "
            "Put the file into a new dataset.",
            param="dataset",
            params={"dataset": dataset.id},
        )
    return dataset


def require_own(dataset: Dataset, file: DatasetFile | None) -> None:
    """
    Raises:
        Conflict: ``file_inherited``: the file is the parent's, which a version neither replaces nor removes.
    """
    if file is not None and file.inherited:
        raise Conflict(
            "file_inherited",
            f"{file.name!r} is a file of the parent, {dataset.parent_id}, and a version keeps all files of its parent. Upload what "
            "is new under another name; to leave files out, create a new dataset.",
            param="name",
            params={"name": file.name, "dataset": dataset.id, "parent": dataset.parent_id},
        )


def remove_file(session: WriteSession, storage: Storage, project_id: str, dataset_id: str, name: str) -> None:
    """Remove a file from an open dataset.

    Raises:
        NotFound: ``dataset_not_found``, ``file_not_found``; Conflict: ``dataset_not_open``, ``file_inherited``.
    """
    dataset = get_open(session, project_id, dataset_id, lock=True)
    file = repository.file_named(session, dataset.id, name)
    require_own(dataset, file)
    if file is None:
        raise NotFound(
            "file_not_found",
            f"Dataset {dataset.id} has no file {name!r}.",
            param="name",
            params={"case": "dataset", "dataset": dataset.id, "name": name},
        )
    session.delete(file)
    blobs.release_after_commit(session, storage, [file.object_key])


def complete(session: WriteSession, project_id: str, dataset_id: str) -> Dataset:
    """Close the dataset: from now on it never changes, and jobs may run on it. Repeating this changes nothing.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``dataset_empty``.
    """
    dataset = get(session, project_id, dataset_id, lock=True)
    if dataset.state == "ready":
        return dataset
    files = repository.files(session, dataset.id)
    if not any(samples(file.report) for file in files):
        raise Conflict(
            "dataset_empty",
            f"The dataset holds no {MODALITIES[dataset.modality].noun} yet. PUT at least one file with some, then "
            "complete it.",
            param="dataset",
            params={"case": "dataset", "modality": dataset.modality},
        )
    if all(file.inherited for file in files):
        raise Conflict(
            "dataset_empty",
            f"{dataset.id} has the files of its parent alone. PUT at least one file, then complete it.",
            param="dataset",
            params={"case": "version", "dataset": dataset.id, "parent": dataset.parent_id},
        )
    names = [[file.name, file.sha256] for file in files]
    dataset.sha256 = hashlib.sha256(json.dumps(names, separators=(",", ":")).encode()).hexdigest()
    dataset.statistics = statistics(dataset, files)
    dataset.state = "ready"
    dataset.completed_at = now(session)
    session.flush()
    return dataset


def delete(session: WriteSession, storage: Storage, project_id: str, dataset_id: str) -> None:
    """Delete the dataset, and with it those of its files' bytes that no other dataset has.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``dataset_in_use``.
    """
    dataset = get(session, project_id, dataset_id, lock=True)
    job_id = repository.unfinished_job(session, dataset.id)
    if job_id is not None:
        raise Conflict(
            "dataset_in_use",
            f"Job {job_id} still needs dataset {dataset.id}. Cancel the job or let it finish, then delete.",
            param="dataset",
            params={"case": "job", "job": job_id, "dataset": dataset.id},
        )
    lineage_id = repository.waiting_lineage(session, dataset.id)
    if lineage_id is not None:
        raise Conflict(
            "dataset_in_use",
            f"A further stage of the lineage {lineage_id} will be submitted on dataset {dataset.id}. Cancel the lineage or let it "
            "finish, then delete.",
            param="dataset",
            params={"case": "lineage", "lineage": lineage_id, "dataset": dataset.id},
        )
    files = repository.files(session, dataset.id)
    for file in files:
        session.delete(file)
    dataset.state = "deleted"
    dataset.deleted_at = now(session)
    blobs.release_after_commit(session, storage, [file.object_key for file in files])


def statistics(dataset: Dataset, files: Iterable[DatasetFile]) -> dict[str, object]:
    """The dataset's statistics, as `control.datasets.statistics` computes them for its modality."""
    reports = [{**file.report, "sha256": file.sha256} for file in files]
    return MODALITIES[dataset.modality].statistics(reports)


def expect_modality(dataset: Dataset, modality: str, instead: str) -> None:
    """
    Raises:
        Conflict: ``wrong_modality``, for a view that this dataset does not have; ``instead`` names the one that it has.
    """
    if dataset.modality != modality:
        raise _wrong_modality(dataset, instead)


def _wrong_modality(dataset: Dataset, instead: str) -> Conflict:
    return Conflict(
        "wrong_modality",
        f"Dataset {dataset.id} holds {MODALITIES[dataset.modality].noun}; GET {instead} shows them.",
        param="dataset",
        params={"dataset": dataset.id, "modality": dataset.modality, "instead": instead},
    )


def expect_pictures(dataset: Dataset) -> None:
    """
    Raises:
        Conflict: ``wrong_modality``, if the samples are text and not pictures.
    """
    if not MODALITIES[dataset.modality].looked_at:
        raise _wrong_modality(dataset, f"/v1/datasets/{dataset.id}/preview")
