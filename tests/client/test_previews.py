"""Previews: the SDK and the ``seedbed`` command against the real service."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import seedbed

from control.jobs import service as jobs
from tests.client.conftest import SPEC, Service, Trainer
from tests.client.test_cli import Command, environ, job_file, run
from tests.client.test_short_jobs import worker

__all__ = ["environ", "job_file", "run"]

PICTURE, TEXT = b"\x89PNG and so on", "── 1\ntökens [MASK]\n".encode()
FILES = {"image_masked.png": PICTURE, "model.txt": TEXT}


def previewed(service: Service) -> dict[str, Any]:
    """A preview's result, its files in storage."""
    prefix = "jobs/prv_made/attempt-1/files"
    for path, content in FILES.items():
        service.storage.put_stream(f"{prefix}/{path}", [content])
    return {
        "step": 1,
        "shown": [
            {"name": "image_masked", "media_type": "image/png", "file": "image_masked.png"},
            {"name": "model", "media_type": "text/plain", "file": "model.txt"},
        ],
        "prefix": prefix,
        "files": [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in FILES.items()
        ],
    }


def test_a_preview_is_created_awaited_and_read(
    client: seedbed.Client, service: Service, dataset: str, trainer: Trainer
) -> None:
    asked = client.jobs.preview(SPEC, dataset=dataset, samples=3, step=5)
    assert (asked.state, asked.samples, asked.step) == ("queued", 3, 5)
    seen: list[str] = []
    with worker(trainer, jobs.Completed(result=previewed(service))):
        done = client.previews.wait(asked.id, on_progress=lambda now: seen.append(now.state))
    assert seen[-1] == done.state == "succeeded"
    assert done.result
    assert [(thing.name, thing.media_type) for thing in done.result.shown] == [
        ("image_masked", "image/png"),
        ("model", "text/plain"),
    ]
    assert [client.previews.content(done.id, thing.name) for thing in done.result.shown] == [PICTURE, TEXT]
    with pytest.raises(seedbed.NotFound, match="lists what it shows"):
        client.previews.content(done.id, "other")


def test_a_preview_is_cancelled(client: seedbed.Client, dataset: str, trainer: Trainer) -> None:
    asked = client.jobs.preview(SPEC, dataset=dataset)
    assert client.previews.cancel(asked.id).state == "cancelled"
    assert client.previews.get(asked.id).result is None


def test_the_command_writes_pictures_and_prints_texts(
    run: Command, service: Service, job_file: Path, trainer: Trainer, tmp_path: Path
) -> None:
    result = jobs.Completed(result=previewed(service))
    place = tmp_path / "shown"
    with worker(trainer, result):
        done = run("job", "preview", "-f", job_file, "--samples", "2", "--step", "3", "--out", place)
    assert done.code == 0, done.err
    assert {path.name: path.read_bytes() for path in place.iterdir()} == FILES
    assert done.out.splitlines()[0] == str(place / "image_masked.png")
    assert "tökens [MASK]" in done.out
    with worker(trainer, result):
        found = run("job", "preview", "-f", job_file, "--out", place, "--json").json
    assert found["files"] == [str(place / name) for name in FILES]
    assert found["preview"]["samples"] == 8


def test_the_command_says_why_a_preview_failed(
    run: Command, job_file: Path, trainer: Trainer, tmp_path: Path
) -> None:
    failed = jobs.Failed("data_too_small", "Of the images 3 are left to learn from.", "Upload more images.")
    with worker(trainer, failed):
        done = run("job", "preview", "-f", job_file, "--out", tmp_path / "shown")
    assert (done.code, done.out) == (5, "")
    assert "3 are left" in done.err
    assert "Upload more images." in done.err
    assert not (tmp_path / "shown").exists()


def test_errors_are_reported_before_a_request_is_sent(run: Command, job_file: Path) -> None:
    done = run("job", "preview", "-f", job_file, "--set", "training.steps=0")
    assert done.code == 3
    assert "training.steps" in done.err
    assert run("job", "preview", "-f", job_file, "--samples", "17").code == 2
