"""Versions of datasets: a version has all files of its parent, which share their bytes in storage, and files of its own."""

from control.datasets import repository, service
from control.datasets.modalities import MODALITIES
from control.datasets.models import Dataset
from control.datasets.schemas import VersionIn
from control.db import ReadSession, WriteSession
from control.errors import Conflict, Invalid
from control.ids import new_id
from control.paging import Slice, newest_first


def create(session: WriteSession, project_id: str, parent_id: str, body: VersionIn) -> Dataset:
    """A new version of a complete dataset, open for further files.

    It has its own rows of the parent's files from the beginning, and a blob is removed with the last row that names it. So
    either of the two can be deleted at any time without loss for the other; the parent's row is locked until the
    commit, so that it is not deleted between reading its files and committing the new rows.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``dataset_not_ready``; Invalid: ``modality_mismatch``.
    """
    parent = service.get(session, project_id, parent_id, share=True)
    if parent.state != "ready":
        raise Conflict(
            "dataset_not_ready",
            f"{parent.id} still takes files: upload them there, or complete it first (POST "
            f"/v1/datasets/{parent.id}/complete), then add a version.",
            param="dataset",
            params={"case": "parent", "dataset": parent.id},
        )
    if body.modality not in {None, parent.modality}:
        raise Invalid(
            "modality_mismatch",
            f"{parent.id} holds {MODALITIES[parent.modality].noun}, and so do its versions. Leave `modality` out, or create a "
            "new dataset.",
            param="modality",
            params={"case": "version", "dataset": parent.id, "modality": parent.modality},
        )
    version = Dataset(
        id=new_id("ds"),
        project_id=project_id,
        name=body.name or parent.name,
        modality=parent.modality,
        parent_id=parent.id,
        first_id=parent.first_id or parent.id,
        version=parent.version + 1,
    )
    session.add(version)
    session.flush()
    repository.inherit(session, parent.id, version.id)
    session.refresh(version)
    return version


def list_versions(
    session: ReadSession, project_id: str, dataset_id: str, *, limit: int, cursor: str | None
) -> Slice[Dataset]:
    """All versions of the dataset that were not deleted, itself included, newest first.

    Raises:
        NotFound: ``dataset_not_found``.
    """
    dataset = service.get(session, project_id, dataset_id)
    query = repository.versions(project_id, dataset.first_id or dataset.id)
    return newest_first(session, query, Dataset.id, limit=limit, cursor=cursor)
