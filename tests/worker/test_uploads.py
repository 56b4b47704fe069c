"""Uploads of checkpoints while the engine prunes its own copies."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from control.storage import StorageFull, StorageUnavailable, open_storage
from core.checkpoints.manifest import MANIFEST
from worker import uploads as module
from worker.uploads import SampleDropped, SampleUploaded, Superseded, Uploaded, UploadFailed, Uploads


def _checkpoint(directory: Path, step: int) -> dict[str, Any]:
    """A checkpoint as the engine writes it, and its event."""
    path = directory / f"step-{step:08d}"
    path.mkdir()
    (path / "weights").write_bytes(b"weights")
    files = [{"path": "weights", "bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}]
    manifest = json.dumps({"step": step, "files": files}).encode()
    (path / MANIFEST).write_bytes(manifest)
    digest = hashlib.sha256(manifest).hexdigest()
    return {"step": step, "path": str(path), "manifest_sha256": digest, "metrics": {}}


def _uploads(directory: Path, told: list[object], **options: Any) -> Uploads:
    ours = directory / "ours"
    ours.mkdir()
    storage = open_storage((directory / "storage").as_uri())
    return Uploads(storage, "jobs/a/attempt-1", ours, told.append, **options)


def _stored(directory: Path) -> list[str]:
    storage = open_storage((directory / "storage").as_uri())
    return sorted(item.key.removeprefix("jobs/a/attempt-1/") for item in storage.list("jobs"))


def _fail(uploads: Uploads, times: float, error: Exception) -> list[str]:
    """Make the storage refuse this many writes; returns the keys of the attempts."""
    whole, tried = uploads._storage.put_file, []

    def put(key: str, path: Path) -> None:
        tried.append(key)
        if len(tried) <= times:
            raise error
        whole(key, path)

    object.__setattr__(uploads._storage, "put_file", put)
    return tried


def test_a_checkpoint_pruned_for_a_newer_one_is_no_error(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    first, second = _checkpoint(tmp_path, 10), _checkpoint(tmp_path, 20)
    shutil.rmtree(first["path"])

    uploads.checkpoint(first)
    assert told == [], "a newer one may come"
    uploads.checkpoint(second)
    uploads.no_more()
    uploads.close()

    assert told[0] == Superseded(10)
    assert isinstance(told[1], Uploaded)
    assert told[1].step == 20
    assert len(told) == 2


@pytest.mark.parametrize("left", [MANIFEST, "weights"])
def test_a_checkpoint_that_is_being_pruned_counts_as_pruned(tmp_path: Path, left: str) -> None:
    """The engine has removed a part of its files."""
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    first, second = _checkpoint(tmp_path, 10), _checkpoint(tmp_path, 20)
    for name in {MANIFEST, "weights"} - {left}:
        (Path(first["path"]) / name).unlink()
    uploads.checkpoint(first)
    uploads.checkpoint(second)
    uploads.no_more()
    uploads.close()
    assert [type(message) for message in told] == [Superseded, Uploaded]


def test_a_missing_newest_checkpoint_is_an_error(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    first, last = _checkpoint(tmp_path, 10), _checkpoint(tmp_path, 20)
    shutil.rmtree(last["path"])

    uploads.checkpoint(first)
    uploads.checkpoint(last)
    uploads.no_more()
    uploads.close()

    assert {type(message) for message in told} == {Uploaded, UploadFailed}
    assert next(m for m in told if isinstance(m, UploadFailed)).what == "The checkpoint of step 20"


def test_a_checkpoint_whose_manifest_changed_is_not_uploaded(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    event = _checkpoint(tmp_path, 10)
    manifest = Path(event["path"]) / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"step": 10', b'"step": 11'))
    uploads.checkpoint(event)
    uploads.close()
    (failed,) = told
    assert isinstance(failed, UploadFailed)
    assert failed.what == "The checkpoint of step 10"
    assert _stored(tmp_path) == []


@pytest.mark.parametrize("error", [StorageUnavailable(), StorageFull()])
def test_a_failed_upload_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", (0.001, 0.002))
    told: list[object] = []
    uploads = _uploads(tmp_path, told, retry_seconds=10.0)
    tried = _fail(uploads, 5, error)
    uploads.checkpoint(_checkpoint(tmp_path, 10))
    uploads.close()
    assert [type(message) for message in told] == [Uploaded]
    assert _stored(tmp_path) == [f"step-10/{MANIFEST}", "step-10/weights"]
    assert len(tried) == 7


def test_retries_of_an_upload_have_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", (0.01,))
    told: list[object] = []
    uploads = _uploads(tmp_path, told, retry_seconds=0.055)
    tried = _fail(uploads, float("inf"), StorageUnavailable())
    uploads.checkpoint(_checkpoint(tmp_path, 10))
    uploads.close()
    assert [type(message) for message in told] == [UploadFailed]
    assert len(tried) == 6, "the first time, and one for each pause that the retry time holds"


def test_an_abandoned_upload_is_not_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", (3600.0,))
    told: list[object] = []
    uploads = _uploads(tmp_path, told, retry_seconds=1e9)
    tried = _fail(uploads, float("inf"), StorageUnavailable())
    uploads.checkpoint(_checkpoint(tmp_path, 10))
    uploads.checkpoint(_checkpoint(tmp_path, 20))
    uploads.abandon()
    uploads.close()
    assert len(tried) <= 1, "what had begun is the last"
    assert _stored(tmp_path) == []


def test_the_manifest_is_uploaded_last(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    tried = _fail(uploads, 0, StorageUnavailable())
    uploads.checkpoint(_checkpoint(tmp_path, 10))
    uploads.close()
    assert [key.rpartition("/")[2] for key in tried] == ["weights", MANIFEST]


def test_uploaded_files_do_not_depend_on_the_files_of_the_engine(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    event = _checkpoint(tmp_path, 10)
    uploads.checkpoint(event)
    shutil.rmtree(event["path"])
    uploads.close()
    assert [type(message) for message in told] == [Uploaded]
    assert list((tmp_path / "ours").iterdir()) == [], "the links are gone with the upload"


def _sample(
    directory: Path, content: bytes, name: str = "text", media_type: str = "text/plain"
) -> dict[str, Any]:
    path = directory / "sample"
    path.write_bytes(content)
    return {"step": 10, "name": name, "media_type": media_type, "path": str(path)}


def test_a_sample_is_stored_under_its_step_and_name(tmp_path: Path) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    uploads.sample(_sample(tmp_path, b"shown"))
    uploads.close()
    key = "jobs/a/attempt-1/samples/step-10/text/content"
    digest = hashlib.sha256(b"shown").hexdigest()
    assert told == [SampleUploaded(10, "text", "text/plain", 5, digest, key)]
    with open_storage((tmp_path / "storage").as_uri()).open(key) as stored:
        assert stored.read() == b"shown"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../escape"},
        {"name": "Text"},
        {"name": ""},
        {"media_type": "text/html"},
        {"path": "/nowhere"},
    ],
)
def test_a_sample_that_cannot_be_shown_is_left_out_with_the_reason(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    uploads.sample(_sample(tmp_path, b"shown") | changes)
    uploads.close()
    (dropped,) = told
    assert isinstance(dropped, SampleDropped)
    assert dropped.reason
    assert _stored(tmp_path) == []


@pytest.mark.parametrize(("media_type", "limit"), [("text/plain", 2**20), ("image/png", 8 * 2**20)])
def test_a_sample_may_be_as_large_as_its_limit_and_no_larger(
    tmp_path: Path, media_type: str, limit: int
) -> None:
    told: list[object] = []
    uploads = _uploads(tmp_path, told)
    uploads.sample(_sample(tmp_path, bytes(limit), media_type=media_type))
    uploads.sample(_sample(tmp_path, bytes(limit + 1), "larger", media_type))
    uploads.close()
    assert {type(message): message.name for message in told} == {  # type: ignore[attr-defined]
        SampleUploaded: "text",
        SampleDropped: "larger",
    }
