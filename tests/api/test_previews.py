"""Previews over HTTP: create, long poll, show, remove after a day."""

import hashlib
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from control.settings import Settings
from control.short_jobs import retention
from control.storage import open_storage
from tests.api.conftest import problem
from tests.api.test_long_poll import spec
from tests.factories import let_pass, make_worker

__all__ = ["spec"]

PICTURE, TEXT = b"\x89PNG and so on", "tökens [MASK]".encode()


@pytest.fixture
def asked(client: httpx.Client, engine: Engine, spec: dict[str, Any]) -> dict[str, Any]:
    """A queued preview, with a worker online."""
    with write(engine) as session:
        make_worker(session)
    answer = client.post("/v1/jobs/preview", params={"samples": 4, "step": 7}, json=spec)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def finish(engine: Engine, environment: Settings, preview: str) -> None:
    """Act as a worker: put a picture and a text into storage and finish."""
    prefix = f"jobs/{preview}/attempt-1/files"
    storage = open_storage(environment.storage_url)
    files = {"image_masked.png": PICTURE, "model.txt": TEXT}
    for path, content in files.items():
        storage.put_stream(f"{prefix}/{path}", [content])
    storage.put_stream(f"jobs/{preview}/attempt-1/log.txt", [b"done"])
    result = {
        "step": 7,
        "shown": [
            {"name": "model", "media_type": "text/plain", "file": "model.txt"},
            {"name": "image_masked", "media_type": "image/png", "file": "image_masked.png"},
        ],
        "prefix": prefix,
        "files": [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in files.items()
        ],
    }
    with write(engine) as session:
        claim = jobs.claim(session, make_worker(session))
        assert claim
        assert (claim.job_id, claim.purpose) == (preview, "preview")
        assert claim.options == {"samples": 4, "step": 7}
        jobs.finish(session, claim.job_id, claim.attempt, jobs.Completed(result=result))


def test_a_preview_is_created_and_shown_after_its_end(
    client: httpx.Client,
    stranger: httpx.Client,
    engine: Engine,
    environment: Settings,
    asked: dict[str, Any],
) -> None:
    assert (asked["object"], asked["state"], asked["result"]) == ("preview", "queued", None)
    assert (asked["id"][:4], asked["samples"], asked["step"]) == ("prv_", 4, 7)
    path = f"/v1/previews/{asked['id']}"
    problem(client.get(f"{path}/files/model"), 404, "file_not_found", "name")
    finish(engine, environment, asked["id"])
    done = client.get(path, params={"wait": 60}).json()
    assert done["state"] == "succeeded"
    text, picture = done["result"]["shown"]
    assert text == {
        "name": "model",
        "media_type": "text/plain",
        "bytes": len(TEXT),
        "sha256": hashlib.sha256(TEXT).hexdigest(),
    }
    assert (picture["name"], picture["media_type"]) == ("image_masked", "image/png")
    answer = client.get(f"{path}/files/image_masked")
    assert (answer.content, answer.headers["content-type"]) == (PICTURE, "image/png")
    assert answer.headers["etag"] == f'"{picture["sha256"]}"'
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("inline")
    answer = client.get(f"{path}/files/model")
    assert (answer.text, answer.headers["content-type"]) == (TEXT.decode(), "text/plain; charset=utf-8")
    again = client.get(f"{path}/files/model", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    for name in ("model.txt", "../files/model", "other"):
        problem(client.get(f"{path}/files/{name.replace('/', '%2F')}"), 404, "file_not_found", "name")
    for found in (stranger.get(path), stranger.get(f"{path}/files/model")):
        problem(found, 404, "preview_not_found")
    assert client.get("/v1/jobs").json()["data"] == [], "no list of jobs shows it"


def test_invalid_options_are_refused(client: httpx.Client, engine: Engine, spec: dict[str, Any]) -> None:
    found = problem(client.post("/v1/jobs/preview", json=spec), 409, "no_worker_online", "resources.device")
    assert "seedbed-server worker" in found["detail"]
    with write(engine) as session:
        make_worker(session)
    wrong = spec | {"training": {"steps": 0}}
    problem(client.post("/v1/jobs/preview", json=wrong), 422, "validation_failed", "training.steps")
    for name, value in (("samples", 17), ("samples", 0), ("step", 0)):
        answer = client.post("/v1/jobs/preview", params={name: value}, json=spec)
        problem(answer, 422, "validation_failed", name)
    problem(client.get("/v1/jobs/preview"), 405, "method_not_allowed")
    problem(client.get("/v1/previews/prv_00000000000000000000000000"), 404, "preview_not_found")
    problem(client.get("/v1/previews/est_00000000000000000000000000"), 404, "preview_not_found", "preview")


def test_the_same_idempotency_key_asks_once(
    client: httpx.Client, engine: Engine, spec: dict[str, Any]
) -> None:
    with write(engine) as session:
        make_worker(session)
    headers = {"Idempotency-Key": "one"}
    first, second = (client.post("/v1/jobs/preview", json=spec, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/v1/jobs/preview", params={"step": 2}, json=spec, headers=headers)
    problem(other, 422, "idempotency_mismatch", "Idempotency-Key")


def test_a_preview_can_be_cancelled(
    client: httpx.Client, asked: dict[str, Any], stranger: httpx.Client
) -> None:
    path = f"/v1/previews/{asked['id']}"
    problem(stranger.post(f"{path}/cancel"), 404, "preview_not_found")
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert client.get(path, params={"wait": 60}).json()["state"] == "cancelled", "over is over: no waiting"


def test_a_failed_preview_says_why(client: httpx.Client, engine: Engine, asked: dict[str, Any]) -> None:
    failed = jobs.Failed("data_too_small", "Of the images 3 are left to learn from.", "Upload more.")
    with write(engine) as session:
        claim = jobs.claim(session, make_worker(session))
        assert claim
        jobs.finish(session, claim.job_id, claim.attempt, failed)
    done = client.get(f"/v1/previews/{asked['id']}").json()
    assert (done["state"], done["result"]) == ("failed", None)
    assert (done["failure"]["code"], done["failure"]["hint"]) == ("data_too_small", "Upload more.")


def test_a_preview_is_removed_a_day_after_its_end(
    client: httpx.Client, engine: Engine, environment: Settings, asked: dict[str, Any], spec: dict[str, Any]
) -> None:
    storage = open_storage(environment.storage_url)
    waits = client.post("/v1/jobs/preview", json=spec).json()["id"]
    finish(engine, environment, asked["id"])
    with write(engine) as session:
        let_pass(session, 23 * 3600)
    assert retention.forget_old(engine, storage) == [], "it is not a day old"
    assert client.get(f"/v1/previews/{asked['id']}/files/model").content == TEXT
    with write(engine) as session:
        let_pass(session, 2 * 3600)
    assert retention.forget_old(engine, storage) == [asked["id"]]
    assert list(storage.list(f"jobs/{asked['id']}")) == [], "its log neither"
    problem(client.get(f"/v1/previews/{asked['id']}"), 404, "preview_not_found")
    assert client.get(f"/v1/previews/{waits}").json()["state"] == "queued", "what is not over stays"
