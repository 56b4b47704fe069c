"""Adds an uploaded file to a dataset, after the whole file has been checked."""

from contextlib import suppress

from sqlalchemy import Engine

from control.datasets import blobs, repository
from control.datasets.examples import encoded
from control.datasets.inspection import InspectionResult, check_format
from control.datasets.models import DatasetFile
from control.datasets.names import check_file_name
from control.datasets.service import get_open, require_own
from control.db import read, set_for_transaction, write
from control.quotas.service import require_kept
from control.storage import Stage, Storage


def expect(engine: Engine, project_id: str, dataset_id: str, name: str) -> str:
    """Refuse an upload that is certain to fail, before its first byte is read.

    Returns:
        The dataset's modality.

    Raises:
        Invalid: ``invalid_file_name``, ``unknown_format``.
        NotFound: ``dataset_not_found``.
        Conflict: ``dataset_not_open``, ``file_inherited``.
    """
    check_file_name(name)
    with read(engine) as session:
        dataset = get_open(session, project_id, dataset_id)
        require_own(dataset, repository.file_named(session, dataset.id, name))
    check_format(name, dataset.modality)
    return dataset.modality


def add_file(
    engine: Engine,
    storage: Storage,
    stage: Stage,
    found: InspectionResult,
    *,
    project_id: str,
    dataset_id: str,
    name: str,
) -> tuple[DatasetFile, bool]:
    """Add the staged file to the dataset; also returns whether the file is new rather than a replacement.

    Raises:
        NotFound: ``dataset_not_found``; Conflict: ``dataset_not_open``, ``file_inherited``; QuotaExceeded:
            ``quota_exceeded``.
    """
    key = blobs.blob_key(project_id, stage.sha256)
    try:
        with write(engine) as session:
            # Copying a large object in a bucket takes longer than the timeout of an idle transaction.
            set_for_transaction(session, "idle_in_transaction_session_timeout", "15min")
            dataset = get_open(session, project_id, dataset_id, share=True)
            repository.lock(session, f"file {dataset.id} {name}")
            before = repository.file_named(session, dataset.id, name)
            require_own(dataset, before)
            replaced, replaced_bytes = (before.object_key, before.bytes) if before else (None, 0)
            blobs.lock(session, key)
            stage.commit(key)
            file = repository.upsert_file(
                session,
                {
                    "dataset_id": dataset.id,
                    "name": name,
                    "bytes": stage.bytes,
                    "sha256": stage.sha256,
                    "object_key": key,
                    "report": found.report,
                    "examples": encoded(found.examples),
                },
            )
            if stage.bytes > replaced_bytes:
                require_kept(session, project_id, "datasets", repository.taken)
            if replaced and replaced != key:
                blobs.release_after_commit(session, storage, [replaced])
    except BaseException:
        # After any error that follows the rename, remove the blob, because no row names it.
        with suppress(Exception):
            blobs.release(engine, storage, [key])
        raise
    return file, before is None
