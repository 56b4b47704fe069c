"""Checkpoints on their way to storage while the engine prunes its own."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from control.storage import open_storage
from core.formats.checkpoint import MANIFEST
from worker.uploads import Superseded, Uploaded, UploadFailed, Uploads


def _checkpoint(directory: Path, step: int) -> dict[str, Any]:
    """A checkpoint as the engine leaves it, and its event."""
    path = directory / f"step-{step:08d}"
    path.mkdir()
    (path / "weights").write_bytes(b"weights")
    files = [{"path": "weights", "bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}]
    manifest = json.dumps({"step": step, "files": files}).encode()
    (path / MANIFEST).write_bytes(manifest)
    digest = hashlib.sha256(manifest).hexdigest()
    return {"step": step, "path": str(path), "manifest_sha256": digest, "metrics": {}}


def _uploads(directory: Path, told: list[object]) -> Uploads:
    ours = directory / "ours"
    ours.mkdir()
    return Uploads(open_storage((directory / "storage").as_uri()), "jobs/a/attempt-1", ours, told.append)


def test_a_checkpoint_that_was_pruned_for_a_newer_one_fails_nothing(tmp_path: Path) -> None:
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


def test_the_newest_checkpoint_must_not_be_missing(tmp_path: Path) -> None:
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
