"""Samples over HTTP: lists, safe content, messages of the stream."""

import hashlib
import json

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from control.samples.service import commit_sample
from control.settings import Settings
from control.storage import open_storage
from tests.api.conftest import problem
from tests.factories import make_running

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HOSTILE = b"<script>alert(1)</script> and text"


@pytest.fixture
def job_id(engine: Engine, project_id: str, environment: Settings) -> str:
    """A finished job with a text at two steps and a picture."""
    storage = open_storage(environment.storage_url)
    shown = [
        (10, "text", "text/plain", HOSTILE),
        (20, "text", "text/plain", b"later"),
        (20, "grid", "image/png", PNG),
    ]
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        for step, name, media_type, content in shown:
            key = f"jobs/{job.id}/attempt-1/samples/step-{step}/{name}/content"
            storage.put_stream(key, [content])
            commit_sample(
                session,
                job.id,
                claim.attempt,
                step=step,
                name=name,
                media_type=media_type,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                object_key=key,
            )
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    return job.id


def test_samples_are_listed_in_the_order_of_writing(client: httpx.Client, job_id: str) -> None:
    first = client.get(f"/v1/jobs/{job_id}/samples", params={"limit": 2}).json()
    assert [(row["step"], row["name"]) for row in first["data"]] == [(10, "text"), (20, "text")]
    assert first["has_more"]
    rest = client.get(f"/v1/jobs/{job_id}/samples", params={"after": first["next"]}).json()
    assert [row["media_type"] for row in rest["data"]] == ["image/png"]
    assert (rest["has_more"], rest["next"]) == (False, None)
    grids = client.get(f"/v1/jobs/{job_id}/samples", params={"name": "grid"}).json()["data"]
    assert [row["name"] for row in grids] == ["grid"]


def test_content_is_shown_inline_without_permission_to_run_scripts(client: httpx.Client, job_id: str) -> None:
    text, _, grid = client.get(f"/v1/jobs/{job_id}/samples").json()["data"]
    answer = client.get(f"/v1/samples/{text['id']}/content")
    assert answer.content == HOSTILE
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["etag"] == f'"{text["sha256"]}"'
    again = client.get(f"/v1/samples/{text['id']}/content", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    picture = client.get(f"/v1/samples/{grid['id']}/content")
    assert (picture.headers["content-type"], picture.content) == ("image/png", PNG)


def test_another_project_sees_no_samples(client: httpx.Client, stranger: httpx.Client, job_id: str) -> None:
    [one, *_] = client.get(f"/v1/jobs/{job_id}/samples").json()["data"]
    problem(stranger.get(f"/v1/jobs/{job_id}/samples"), 404, "job_not_found")
    problem(stranger.get(f"/v1/samples/{one['id']}/content"), 404, "sample_not_found")
    problem(client.get("/v1/samples/smp_none/content"), 404, "sample_not_found", "sample")


def test_the_stream_sends_each_sample_before_its_event(client: httpx.Client, job_id: str) -> None:
    blocks = client.get(f"/v1/jobs/{job_id}/stream").text.split("\n\n")
    events = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in blocks]
    shown = [index for index, event in enumerate(events) if event.get("event") == "sample"]
    assert [json.loads(events[index]["data"])["name"] for index in shown] == ["text", "text", "grid"]
    for index in shown:
        told = json.loads(events[index + 1]["data"])
        assert (told["type"], told["data"]["sample"]) == ("sample", json.loads(events[index]["data"])["id"])
