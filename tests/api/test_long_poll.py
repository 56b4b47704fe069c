"""Estimates and exports over HTTP: create, long poll, download."""

import hashlib
import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from control.settings import Settings
from control.storage import open_storage
from tests.api.conftest import Stored, problem
from tests.control.short_jobs.test_short_jobs import RESULT
from tests.factories import make_dataset, make_worker

ONNX = b"the network" * 1000


@pytest.fixture
def spec(engine: Engine, project_id: str) -> dict[str, Any]:
    """A valid job on a dataset that is ready."""
    with write(engine) as session:
        dataset = make_dataset(session, project_id)
    return {
        "name": "tried",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny"},
        "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
    }


def _finish(engine: Engine, result: dict[str, Any]) -> None:
    """Act as a worker: claim the queued short job and finish it with this result."""
    with write(engine) as session:
        claim = jobs.claim(session, make_worker(session))
        assert claim
        jobs.finish(session, claim.job_id, claim.attempt, jobs.Completed(result=result))


def test_an_estimate_is_created_and_its_result_is_long_polled(
    client: httpx.Client, engine: Engine, spec: dict[str, Any]
) -> None:
    with write(engine) as session:
        make_worker(session)
    asked = client.post("/v1/jobs/estimate", params={"largest_batch": True}, json=spec)
    assert asked.status_code == 202, asked.text
    estimate = asked.json()
    assert (estimate["object"], estimate["state"], estimate["result"]) == ("estimate", "queued", None)
    assert estimate["spec"]["training"]["batch_size"] == 8
    path = f"/v1/estimates/{estimate['id']}"
    assert client.get(path).json()["state"] == "queued", "without waiting the answer comes at once"
    waiting = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def wait() -> httpx.Response:
            waiting.set()
            return client.get(path, params={"wait": 60})

        answer = pool.submit(wait)
        waiting.wait()
        _finish(engine, RESULT)
        done = answer.result().json()
    assert (done["state"], done["result"]["eta"]["seconds"]) == ("succeeded", 11.0)
    assert client.get("/v1/jobs").json()["data"] == [], "no list of jobs shows it"


def test_an_estimate_without_a_worker_or_with_a_wrong_spec_is_refused(
    client: httpx.Client, spec: dict[str, Any]
) -> None:
    found = problem(client.post("/v1/jobs/estimate", json=spec), 409, "no_worker_online", "resources.device")
    assert "seedbed-server worker" in found["detail"]
    wrong = spec | {"training": {"steps": 0}}
    problem(client.post("/v1/jobs/estimate", json=wrong), 422, "validation_failed", "training.steps")
    problem(client.get("/v1/jobs/estimate"), 405, "method_not_allowed")
    problem(client.get("/v1/estimates/est_00000000000000000000000000"), 404, "estimate_not_found")


def test_the_same_idempotency_key_creates_one_short_job(
    client: httpx.Client, engine: Engine, spec: dict[str, Any]
) -> None:
    with write(engine) as session:
        make_worker(session)
    headers = {"Idempotency-Key": "one"}
    first, second = (client.post("/v1/jobs/estimate", json=spec, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]


def test_an_estimate_can_be_cancelled(
    client: httpx.Client, engine: Engine, spec: dict[str, Any], stranger: httpx.Client
) -> None:
    with write(engine) as session:
        make_worker(session)
    path = f"/v1/estimates/{client.post('/v1/jobs/estimate', json=spec).json()['id']}"
    problem(stranger.post(f"{path}/cancel"), 404, "estimate_not_found")
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert client.get(path, params={"wait": 60}).json()["state"] == "cancelled", "over is over: no waiting"


def test_an_export_is_made_and_downloaded(
    client: httpx.Client, stranger: httpx.Client, engine: Engine, checkpoint: Stored, environment: Settings
) -> None:
    asked = client.post(f"/v1/checkpoints/{checkpoint.id}/export", json={"format": "onnx"})
    assert asked.status_code == 202, asked.text
    export = asked.json()
    path = f"/v1/exports/{export['id']}"
    assert (export["object"], export["state"], export["step"], export["files"]) == ("export", "queued", 7, [])
    problem(client.get(f"{path}/archive"), 409, "export_not_ready")
    prefix = f"jobs/{export['id']}/attempt-1/files"
    open_storage(environment.storage_url).put_stream(f"{prefix}/model.onnx", [ONNX])
    sha256 = hashlib.sha256(ONNX).hexdigest()
    check = {"runtime": "onnxruntime 1", "inputs": 3, "largest_difference": 1e-7, "tolerance": 1e-4}
    _finish(
        engine,
        {
            "architecture": "BertForMaskedLM",
            "opset": 18,
            "inputs": ["input_ids"],
            "outputs": ["logits"],
            "parameters": 5,
            "check": check,
            "prefix": prefix,
            "files": [{"path": "model.onnx", "bytes": len(ONNX), "sha256": sha256}],
        },
    )
    done = client.get(path).json()
    assert (done["state"], done["bytes"], done["result"]["opset"]) == ("succeeded", len(ONNX), 18)
    file = client.get(f"{path}/files/model.onnx", headers={"Range": "bytes=4-10"})
    assert (file.status_code, file.content, file.headers["etag"]) == (206, ONNX[4:11], f'"{sha256}"')
    head = client.head(f"{path}/files/model.onnx")
    assert head.headers["content-length"] == str(len(ONNX))
    problem(client.get(f"{path}/files/other"), 404, "file_not_found", "path")
    with zipfile.ZipFile(io.BytesIO(client.get(f"{path}/archive").content)) as archive:
        [name] = archive.namelist()
        assert name == f"{done['job']}-step-00000007-onnx/model.onnx"
        assert archive.read(name) == ONNX
    listed = client.get(f"/v1/jobs/{done['job']}/exports").json()["data"]
    assert [row["id"] for row in listed] == [export["id"]]
    again = client.post(f"/v1/checkpoints/{checkpoint.id}/export", json={"format": "onnx"}).json()
    assert (again["id"], again["state"]) == (export["id"], "succeeded")
    for answer in (stranger.get(path), stranger.get(f"{path}/files/model.onnx")):
        problem(answer, 404, "export_not_found")


def test_an_export_in_an_unknown_format_is_refused(client: httpx.Client, checkpoint: Stored) -> None:
    answer = client.post(f"/v1/checkpoints/{checkpoint.id}/export", json={"format": "tflite"})
    problem(answer, 422, "validation_failed", "format")
