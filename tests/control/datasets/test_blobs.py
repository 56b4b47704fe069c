"""Blobs are stored as long as a file names them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from control.datasets import blobs, intake, service
from control.datasets.inspection import InspectionResult
from control.datasets.schemas import DatasetIn
from control.db import write
from control.errors import Conflict
from control.storage.local import LocalStorage
from tests.factories import make_project

TEXT = b"A document that two datasets share."


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def project_id(engine: Engine) -> str:
    with write(engine) as session:
        return make_project(session)


def opened(engine: Engine, project_id: str) -> str:
    with write(engine) as session:
        return service.create(session, project_id, DatasetIn(name="x")).id


def put(engine: Engine, storage: LocalStorage, project_id: str, dataset_id: str, body: bytes = TEXT) -> str:
    with storage.stage() as stage:
        stage.write([body])
        found = InspectionResult({"kind": "text", "documents": 1, "samples": 1}, {"documents": []})
        file, _ = intake.add_file(
            engine, storage, stage, found, project_id=project_id, dataset_id=dataset_id, name="a.txt"
        )
        return file.object_key


def test_an_upload_refused_at_the_last_moment_leaves_no_bytes(
    engine: Engine, storage: LocalStorage, project_id: str
) -> None:
    dataset = opened(engine, project_id)
    put(engine, storage, project_id, dataset)
    with write(engine) as session:
        service.complete(session, project_id, dataset)
    with pytest.raises(Conflict):
        put(engine, storage, project_id, dataset, b"too late")
    assert [item.bytes for item in storage.list("projects")] == [len(TEXT)]
    assert list(storage.list("tmp")) == []


def test_deleting_and_uploading_the_same_bytes_at_once_loses_none(
    engine: Engine, storage: LocalStorage, project_id: str
) -> None:
    def delete(dataset: str) -> None:
        barrier.wait()
        with write(engine) as session:
            service.delete(session, storage, project_id, dataset)

    def upload(dataset: str) -> str:
        barrier.wait()
        return put(engine, storage, project_id, dataset)

    for _ in range(10):
        going, coming = opened(engine, project_id), opened(engine, project_id)
        put(engine, storage, project_id, going)
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as threads:
            deleted, uploaded = threads.submit(delete, going), threads.submit(upload, coming)
            deleted.result()
            key = uploaded.result()
        assert b"".join(storage.chunks(key)) == TEXT
        delete_alone = opened(engine, project_id)
        with write(engine) as session:
            service.delete(session, storage, project_id, coming)
            service.delete(session, storage, project_id, delete_alone)
        assert not storage.exists(key)


def test_the_sweep_removes_leftovers_of_a_crash(
    engine: Engine, storage: LocalStorage, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = put(engine, storage, project_id, opened(engine, project_id))
    orphan = blobs.blob_key(project_id, "0" * 64)
    storage.put_stream(orphan, [b"whose row was never committed"])
    half = storage.stage()
    half.write([b"half"])
    assert blobs.sweep(engine, storage) == 0
    monkeypatch.setattr(blobs, "ABANDONED", timedelta(seconds=-1))
    assert blobs.sweep(engine, storage) == 2
    assert storage.exists(named)
    assert not storage.exists(orphan)
    assert list(storage.list("tmp")) == []
    half.discard()
