"""Files of an upload of a checkpoint: its row names no file that storage does not have."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from control.checkpoints import upload_files, uploads
from control.checkpoints.schemas import CheckpointUploadIn
from control.checkpoints.upload_files import UploadFile
from control.db import read, write
from control.errors import Invalid
from control.quotas.errors import QuotaExceeded
from control.quotas.schemas import QuotasIn
from control.quotas.service import set_quotas
from control.storage.errors import StorageNotFound
from control.storage.local import LocalStorage
from tests.factories import make_project


class Upload(NamedTuple):
    """An open upload and what its files need."""

    engine: Engine
    storage: LocalStorage
    project: str
    checkpoint: str

    def put(
        self, name: str, content: bytes, report: dict[str, Any] | None = None, *, lose: bool = False
    ) -> bool:
        """Whether the file is new. With `lose`, the staged file is gone before it is committed."""
        file = UploadFile(self.project, self.checkpoint, name)
        with self.storage.stage() as stage:
            stage.write([content])
            if lose:
                (self.storage.root / stage.key).unlink()
            return file.keep(self.engine, self.storage, stage, report or {})[1]

    def listed(self) -> dict[str, int]:
        """Name and size of its files by its row."""
        with read(self.engine) as session:
            upload = uploads.find(session, self.project, self.checkpoint)
            return {name: file["bytes"] for name, file in uploads.files_of(upload).items()}

    def stored(self) -> dict[str, bytes]:
        """Name and content of its files in storage."""
        return {
            Path(item.key).name: b"".join(self.storage.chunks(item.key)) for item in self.storage.list("jobs")
        }


@pytest.fixture
def upload(engine: Engine, tmp_path: Path) -> Upload:
    with write(engine) as session:
        project = make_project(session)
        row = uploads.create(session, project, CheckpointUploadIn(name="mine"))
        return Upload(engine, LocalStorage(tmp_path / "files"), project, uploads.checkpoint_id(row))


def test_a_file_replaces_one_of_its_name(upload: Upload) -> None:
    assert upload.put("config.json", b"first")
    assert not upload.put("config.json", b"2nd")
    assert (upload.listed(), upload.stored()) == ({"config.json": 3}, {"config.json": b"2nd"})


def test_a_file_that_the_quota_refuses_leaves_the_one_that_it_would_replace(upload: Upload) -> None:
    with write(upload.engine) as session:
        set_quotas(session, upload.project, QuotasIn(checkpoints=10))
    upload.put("config.json", b"12345678")
    with pytest.raises(QuotaExceeded):
        upload.put("config.json", b"12345678901")
    with pytest.raises(QuotaExceeded):
        upload.put("tokenizer.json", b"123")
    assert (upload.listed(), upload.stored()) == ({"config.json": 8}, {"config.json": b"12345678"})
    assert not upload.put("config.json", b"1234567890")
    assert upload.put("tokenizer.json", b"")
    assert upload.listed() == {"config.json": 10, "tokenizer.json": 0}


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_storage_fails_to_take_is_not_listed(upload: Upload, *, replaced: bool) -> None:
    if replaced:
        upload.put("config.json", b"first")
    with pytest.raises(StorageNotFound):
        upload.put("config.json", b"second", lose=True)
    assert (upload.listed(), upload.stored()) == ({}, {})
    assert upload.put("config.json", b"third")
    assert (upload.listed(), upload.stored()) == ({"config.json": 5}, {"config.json": b"third"})


def test_the_number_of_files_is_bounded(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_files, "MOST_FILES", 2)
    upload.put("a.txt", b"a")
    upload.put("b.txt", b"b")
    with pytest.raises(Invalid, match="2 files at most"):
        upload.put("c.txt", b"c")
    assert not upload.put("a.txt", b"A")
    assert upload.stored() == {"a.txt": b"A", "b.txt": b"b"}


def test_what_the_row_keeps_of_the_tensors_is_bounded(upload: Upload) -> None:
    def report(shard: int) -> dict[str, Any]:
        return {"tensors": {f"{shard}.{n}".ljust(500, "x"): ["F32", 1, 1] for n in range(10_000)}}

    assert upload.put("a.safetensors", b"a", report(1))
    with pytest.raises(Invalid, match="bytes at most") as caught:
        upload.put("b.safetensors", b"b", report(2))
    assert caught.value.code == "checkpoint_misfit"
    assert (upload.listed(), upload.stored()) == ({"a.safetensors": 1}, {"a.safetensors": b"a"})
