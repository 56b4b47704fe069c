"""Liveness, readiness and metrics, with working and with failing parts."""

import re
import shutil
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, Engine, text

from control.db import write
from tests.api.conftest import Keys, RequestLog, problem
from tests.factories import make_job, make_running


def test_a_healthy_service_reports_ok(anonymous: httpx.Client) -> None:
    assert anonymous.get("/healthz").json() == {"status": "alive"}
    ready = anonymous.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "database": "ok", "broker": "ok", "storage": "ok"}


def test_unreachable_storage_is_reported(
    anonymous: httpx.Client, client: httpx.Client, dataset_id: str, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "storage", ignore_errors=True)
    (tmp_path / "storage").write_text("a file where the directory should be")
    ready = anonymous.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["storage"].startswith("failing")
    assert ready.json()["database"] == "ok"
    answer = client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=b"text")
    problem(answer, 503, "storage_unavailable")
    assert "retry-after" in answer.headers


def test_an_unreachable_database_is_reported(
    anonymous: httpx.Client,
    client: httpx.Client,
    dataset_id: str,
    engine: Engine,
    administration: Connection,
    request_log: RequestLog,
) -> None:
    name = engine.url.database
    engine.dispose()
    administration.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
    administration.execute(
        text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
    )
    answer = client.get(f"/v1/datasets/{dataset_id}")
    problem(answer, 503, "database_unavailable")
    assert answer.headers["retry-after"]
    assert anonymous.get("/readyz").json()["database"].startswith("failing")
    assert anonymous.get("/healthz").status_code == 200
    assert anonymous.get("/metrics").status_code == 200
    (line,) = [line for line in request_log.of(anonymous) if line.get("path", "").startswith("/v1/datasets")]
    assert not line["traceback"]
    assert line["cause"]
    administration.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    assert client.get(f"/v1/datasets/{dataset_id}").status_code == 200


def test_an_unexpected_failure_is_reported(
    client: httpx.Client, request_log: RequestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("control.datasets.service.list_datasets", fail)
    answer = client.get("/v1/datasets")
    problem(answer, 500, "internal")
    assert "secret of the inside" not in answer.text
    (line,) = request_log.of(client)
    assert (line["status"], line["level"], line["traceback"]) == (500, "ERROR", True)


def test_prometheus_reads_requests_and_load(client: httpx.Client, engine: Engine, project_id: str) -> None:
    with write(engine) as session:
        make_running(session, project_id=project_id)
        make_job(session, project_id)
    client.get("/v1/jobs")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["seedbed_jobs", ("state", "queued")] == 1
    assert samples["seedbed_jobs", ("state", "running")] == 1
    assert samples["seedbed_workers", ("state", "busy")] == 1
    assert samples["seedbed_queue_oldest_seconds",] > 0
    listed = ("method", "GET"), ("route", "/v1/jobs"), ("status", "200")
    assert samples["seedbed_http_requests_total", *listed] >= 1
    assert not re.search("job_[0-9a-z]{26}", answer.text)


def test_the_state_of_the_system_is_for_admins(
    client: httpx.Client, anonymous: httpx.Client, engine: Engine, project_id: str, api_keys: Keys
) -> None:
    with write(engine) as session:
        make_running(session, project_id=project_id)
        make_job(session, project_id)
    told = client.get("/v1/system").json()
    assert told["queue"]["queued"] == 1
    assert told["queue"]["running"] == 1
    assert told["queue"]["oldest_wait_seconds"] >= 0
    assert told["workers"] == {"online": 1, "busy": 1}
    assert told["storage"]["state"] == "ok"
    assert told["storage"]["free_bytes"] > 0
    assert told["database_bytes"] > 0
    reader = {"Authorization": f"Bearer {api_keys.make(project_id, 'write')}"}
    problem(anonymous.get("/v1/system", headers=reader), 403, "scope_missing")
