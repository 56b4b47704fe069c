"""A database dump of an earlier version: after the migration, the API, workers and the leader use it.

`tests/migrations/before/README.md` says what is in it and how it was made.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, NullPool
from sqlalchemy import create_engine as sqlalchemy_engine

from control.broker import broker
from control.db import write
from control.jobs import service as jobs
from control.maintenance.service import Maintenance
from control.migrate import check_models, upgrade
from control.settings import Settings
from control.storage import open_storage
from tests.factories import make_worker

OLD = Path(__file__).parents[1] / "migrations" / "before" / "0009.sql"
OLD_KEY = "sb_" + "a" * 43
STATES = {
    "succeeded": "succeeded",
    "fork": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "paused": "paused",
    "paused by the service": "paused",
    "tried again": "running",
    "running": "running",
    "queued": "queued",
}


@pytest.fixture
def database_url(empty_database_url: str) -> Iterator[str]:
    """Replaces the empty database of the other tests."""
    engine = sqlalchemy_engine(empty_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        _load(connection, OLD.read_text())
    upgrade(empty_database_url)
    yield empty_database_url
    engine.dispose()


def _load(connection: Connection, dump: str) -> None:
    with connection.connection.cursor() as cursor:
        cursor.execute(dump)


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """A client with the key of that database."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {OLD_KEY}"}, timeout=30) as client:
        yield client


def _jobs(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """By name."""
    return {job["name"]: job for job in client.get("/v1/jobs").raise_for_status().json()["data"]}


def _listed(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(path).raise_for_status().json()["data"]
    return found


def test_its_tables_are_those_that_the_models_describe(database_url: str) -> None:
    check_models(database_url)


def test_all_its_rows_are_served(client: httpx.Client) -> None:
    found = _jobs(client)
    assert {name: job["state"] for name, job in found.items()} == STATES
    for job in found.values():
        path = f"/v1/jobs/{job['id']}"
        assert client.get(path).raise_for_status().json()["spec"]["name"] == job["name"]
        assert client.get(f"{path}/metrics").raise_for_status().json()["job"] == job["id"]
        assert client.get(f"{path}/logs").raise_for_status().json()["job"] == job["id"]
        assert _listed(client, f"{path}/events")[0]["type"] == "queued"
    assert found["failed"]["failure"]["code"] == "non_finite_loss"
    assert found["failed"]["failure"]["message"] == "The loss is NaN at step 12."
    assert found["paused by the service"]["pause"]["code"] == "quota_exceeded"
    assert found["fork"]["parent"]["job"] == found["succeeded"]["id"]
    assert found["queued"]["waiting_reason"]
    datasets = {(one["name"], one["state"]) for one in _listed(client, "/v1/datasets")}
    assert datasets == {("corpus", "ready"), ("still open", "open"), ("pictures", "ready")}
    assert {key["name"] for key in _listed(client, "/v1/keys")} == {"old admin", "old and revoked"}
    assert client.get("/v1/usage").raise_for_status().json()["checkpoints"]["limit_bytes"] == 1_000_000_000
    lineage = client.get(f"/v1/jobs/{found['succeeded']['id']}/lineage").raise_for_status().json()
    assert [node["id"] for node in lineage["descendants"]] == [found["fork"]["id"]]


def test_a_finished_job_shows_what_it_did_and_can_be_forked(client: httpx.Client) -> None:
    done = _jobs(client)["succeeded"]
    events = _listed(client, f"/v1/jobs/{done['id']}/events")
    assert [event["type"] for event in events] == [
        "queued",
        "claimed",
        "started",
        "decision",
        "checkpoint",
        "checkpoint",
        "sample",
        "succeeded",
    ]
    assert events[-1]["message"] == "All 100 steps are done."
    assert {(event["code"], str(event["params"])) for event in events} == {("other", "{}")}
    checkpoints = _listed(client, f"/v1/jobs/{done['id']}/checkpoints")
    assert [checkpoint["step"] for checkpoint in checkpoints] == [100, 50]
    assert len(_listed(client, f"/v1/jobs/{done['id']}/samples")) == 1
    exported = {one["state"] for one in _listed(client, f"/v1/jobs/{done['id']}/exports")}
    assert exported == {"succeeded", "queued"}
    changes = {"name": "new", "training": {"steps": 300}}
    answer = client.post(f"/v1/jobs/{done['id']}/fork", json={"changes": changes})
    assert answer.status_code == 201, answer.text
    fork = answer.json()
    assert (fork["state"], fork["parent"]["checkpoint"]) == ("queued", checkpoints[0]["id"])


def test_its_jobs_can_be_resumed_retried_cancelled_and_deleted(client: httpx.Client) -> None:
    found = _jobs(client)
    for name, verb, state in (
        ("paused", "resume", "queued"),
        ("failed", "retry", "queued"),
        ("queued", "cancel", "cancelled"),
    ):
        answer = client.post(f"/v1/jobs/{found[name]['id']}/{verb}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == state
    deleted = client.delete(f"/v1/jobs/{found['cancelled']['id']}")
    assert deleted.status_code == 204, deleted.text


def test_its_running_jobs_are_requeued_and_its_queued_jobs_run(
    engine: Engine, environment: Settings, client: httpx.Client
) -> None:
    before = _jobs(client)
    upkeep = Maintenance(engine, broker(), open_storage(environment.storage_url), environment)
    expired = upkeep.expire_leases()
    assert set(expired) <= {before["running"]["id"], before["tried again"]["id"]}  # the API has a leader too
    after = _jobs(client)
    assert (after["running"]["state"], after["tried again"]["state"]) == ("queued", "paused")
    last = _listed(client, f"/v1/jobs/{after['running']['id']}/events")[-1]
    assert (last["type"], last["code"], last["params"]["retry"]) == ("retrying", "retrying", 1)
    with write(engine) as session:
        worker = make_worker(session)
        claims = [jobs.claim(session, worker) for _ in range(4)]
    names = {before[name]["id"]: name for name in ("running", "queued")}
    taken = [claim and (names.get(claim.job_id) or claim.purpose) for claim in claims]
    assert taken == ["export", "running", "queued", None]
    assert claims[0] is not None
    assert claims[0].resume is not None
    assert claims[0].resume.step == 100
    assert claims[1] is not None
    assert (claims[1].attempt, [ref.step for ref in claims[1].checkpoints]) == (2, [200, 100])
    with write(engine) as session:
        jobs.finish(session, claims[1].job_id, claims[1].attempt, jobs.Completed())
    assert _jobs(client)["running"]["state"] == "succeeded"
