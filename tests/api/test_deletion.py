"""Deletion: finished jobs and unused data are deleted with their files; a refusal names what still needs them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select, text

from control.broker import Broker
from control.datasets.models import Dataset
from control.db import read, write
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.jobs.service import Point
from control.lifecycle.models import Job
from control.maintenance.removals import carry_out_left
from control.maintenance.service import Maintenance
from control.removals.models import Removal
from control.samples.service import commit_sample
from control.settings import Settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from control.storage import Storage, open_storage
from tests.api.conftest import Stored, problem
from tests.factories import (
    let_pass,
    make_checkpoint,
    make_dataset,
    make_job,
    make_running,
    make_spec,
    make_worker,
)


@pytest.fixture
def storage(environment: Settings) -> Storage:
    return open_storage(environment.storage_url)


def _keys(storage: Storage, prefix: str = "jobs") -> list[str]:
    return sorted(item.key for item in storage.list(prefix))


def _finish(engine: Engine, job_id: str, result: jobs.Result | None = None) -> None:
    with write(engine) as session:
        jobs.finish(session, job_id, 1, result or jobs.Completed())


def _job_of(engine: Engine, stored: Stored) -> str:
    with read(engine) as session:
        return session.scalars(select(Job.id).where(Job.purpose == "train")).one()


def test_an_ended_job_is_deleted_with_everything_that_it_made(
    client: httpx.Client, engine: Engine, checkpoint: Stored, storage: Storage
) -> None:
    job_id = _job_of(engine, checkpoint)
    base = f"jobs/{job_id}/attempt-1"
    for key in (f"{base}/log.txt", f"{base}/samples/step-5/text/content"):
        storage.put_stream(key, [b"x"])
    with write(engine) as session:
        jobs.record_points(
            session, job_id, 1, [Point("train/loss", 5, 1.0, session.scalar(text("SELECT now()")))]
        )
        commit_sample(
            session, job_id, 1, step=5, name="text", media_type="text/plain", size=1, sha256="a" * 64,
            object_key=f"{base}/samples/step-5/text/content",
        )  # fmt: skip
        jobs.finish(session, job_id, 1, jobs.Completed())
    with write(engine) as session:
        project = session.get_one(Job, job_id).project_id
        export = short_jobs.create_from_checkpoint(
            session, EXPORT, project, checkpoint.id, ExportIn(format="onnx")
        )
        claim = jobs.claim(session, make_worker(session))
        assert claim
        storage.put_stream(f"jobs/{export.id}/attempt-1/files/model.onnx", [b"model"])
        made = {"prefix": f"jobs/{export.id}/attempt-1/files", "files": []}
        jobs.finish(session, export.id, 1, jobs.Completed(result=made))
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert _keys(storage) == []
    problem(client.get(f"/v1/jobs/{job_id}"), 404, "job_not_found")
    problem(client.get(f"/v1/checkpoints/{checkpoint.id}"), 404, "checkpoint_not_found")
    problem(client.get(f"/v1/exports/{export.id}"), 404, "export_not_found")
    assert client.get("/v1/jobs").json()["data"] == []
    with read(engine) as session:
        for table in ("jobs", "attempts", "events", "checkpoints", "samples", "metric_points", "removals"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
    problem(client.delete(f"/v1/jobs/{job_id}"), 404, "job_not_found")


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_job_that_is_not_over_must_be_cancelled_first(
    client: httpx.Client, engine: Engine, project_id: str, state: str
) -> None:
    with write(engine) as session:
        if state == "running":
            job, _ = make_running(session, project_id=project_id)
        else:
            job = make_job(session, project_id)
            if state == "paused":
                jobs.request(session, project_id, job.id, "pause")
    told = problem(client.delete(f"/v1/jobs/{job.id}"), 409, "not_over", "job")
    assert f"is {state}. Cancel it first (POST /v1/jobs/{job.id}/cancel)" in told["detail"]
    assert client.get(f"/v1/jobs/{job.id}").json()["state"] == state


def test_a_fork_that_needs_a_checkpoint_keeps_it_and_its_job(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        first, second = make_checkpoint(session, claim, 10), make_checkpoint(session, claim, 20)
        fork = jobs.fork(session, project_id, job.id, ForkIn(checkpoint=first.id))
        jobs.finish(session, job.id, 1, jobs.Completed())
    told = problem(client.delete(f"/v1/checkpoints/{first.id}"), 409, "checkpoint_in_use", "checkpoint")
    assert fork.id in told["detail"]
    told = problem(client.delete(f"/v1/jobs/{job.id}"), 409, "job_in_use", "job")
    assert fork.id in told["detail"]
    assert client.delete(f"/v1/checkpoints/{second.id}").status_code == 204
    with write(engine) as session:
        running = jobs.claim(session, make_worker(session))
        assert running
        assert running.resume
        make_checkpoint(session, running, 30)
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    found = client.get(f"/v1/jobs/{fork.id}").json()
    assert (found["state"], found["parent"], found["checkpoints"]) == ("running", None, 1)
    assert client.get(f"/v1/jobs/{fork.id}/lineage").json()["ancestors"] == []


def test_an_export_under_way_keeps_its_checkpoint(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        made = make_checkpoint(session, claim, 10)
        jobs.finish(session, job.id, 1, jobs.Completed())
    export = client.post(f"/v1/checkpoints/{made.id}/export", json={"format": "onnx"}).json()["id"]
    for path, code in (
        (f"/v1/checkpoints/{made.id}", "checkpoint_in_use"),
        (f"/v1/jobs/{job.id}", "job_in_use"),
    ):
        told = client.delete(path)
        assert (told.status_code, told.json()["code"]) == (409, code)
        assert export in told.json()["detail"]
    told = problem(client.delete(f"/v1/exports/{export}"), 409, "not_over", "export")
    assert f"POST /v1/exports/{export}/cancel" in told["detail"]
    assert client.post(f"/v1/exports/{export}/cancel").status_code == 200
    assert client.delete(f"/v1/exports/{export}").status_code == 204
    problem(client.get(f"/v1/exports/{export}"), 404, "export_not_found")
    assert client.delete(f"/v1/checkpoints/{made.id}").status_code == 204


@pytest.mark.parametrize("state", ["running", "failed"])
def test_the_newest_checkpoint_of_a_job_that_may_resume_is_kept(
    client: httpx.Client, engine: Engine, project_id: str, state: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        old, new = make_checkpoint(session, claim, 10), make_checkpoint(session, claim, 20)
        if state == "failed":
            jobs.finish(session, job.id, 1, jobs.Failed("non_finite_loss", "The loss is NaN."))
    assert client.delete(f"/v1/checkpoints/{old.id}").status_code == 204
    problem(client.delete(f"/v1/checkpoints/{old.id}"), 404, "checkpoint_not_found")
    answer = client.delete(f"/v1/checkpoints/{new.id}")
    if state == "failed":
        assert answer.status_code == 204
        return
    told = problem(answer, 409, "checkpoint_in_use", "checkpoint")
    assert f"Job {job.id} is running" in told["detail"]
    assert [c["id"] for c in client.get(f"/v1/jobs/{job.id}/checkpoints").json()["data"]] == [new.id]
    assert client.get(f"/v1/jobs/{job.id}/events").json()["data"][-1]["type"] == "checkpoint_deleted"


def test_a_fork_whose_checkpoint_was_deleted_does_not_start_from_fresh_weights(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        made = make_checkpoint(session, claim, 10)
        jobs.finish(session, job.id, 1, jobs.Completed())
        forks = [jobs.fork(session, project_id, job.id, ForkIn(checkpoint=made.id)).id for _ in range(2)]
        for fork in forks:
            jobs.request(session, project_id, fork, "cancel")
    assert client.post(f"/v1/jobs/{forks[0]}/retry").status_code == 200
    client.post(f"/v1/jobs/{forks[0]}/cancel")
    assert client.delete(f"/v1/checkpoints/{made.id}").status_code == 204
    problem(client.post(f"/v1/jobs/{forks[0]}/retry"), 409, "no_checkpoint")
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    problem(client.post(f"/v1/jobs/{forks[1]}/retry"), 409, "no_checkpoint")


@pytest.mark.parametrize("path", ["jobs", "checkpoints", "exports"])
def test_resources_of_another_project_cannot_be_deleted(
    client: httpx.Client, stranger: httpx.Client, engine: Engine, project_id: str, path: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        made = make_checkpoint(session, claim, 10)
        jobs.finish(session, job.id, 1, jobs.Completed())
        export = short_jobs.create_from_checkpoint(
            session, EXPORT, project_id, made.id, ExportIn(format="onnx")
        )
        short_jobs.cancel(session, EXPORT, project_id, export.id)
    ids = {"jobs": job.id, "checkpoints": made.id, "exports": export.id}
    problem(stranger.delete(f"/v1/{path}/{ids[path]}"), 404, f"{path[:-1]}_not_found")
    assert client.get(f"/v1/{path}/{ids[path]}").status_code == 200
    assert client.delete(f"/v1/{path}/{ids[path]}").status_code == 204


def test_previews_and_estimates_can_be_deleted(
    client: httpx.Client, engine: Engine, project_id: str, storage: Storage
) -> None:
    with write(engine) as session:
        dataset = make_dataset(session, project_id)
        make_worker(session)
    spec = make_spec(dataset).model_dump(mode="json")
    for verb, kind in (("preview", "previews"), ("estimate", "estimates")):
        made = client.post(f"/v1/jobs/{verb}", json=spec).json()["id"]
        problem(client.delete(f"/v1/{kind}/{made}"), 409, "not_over", verb)
        client.post(f"/v1/{kind}/{made}/cancel")
        storage.put_stream(f"jobs/{made}/attempt-1/files/model/content", [b"x"])
        assert client.delete(f"/v1/{kind}/{made}").status_code == 204
        problem(client.delete(f"/v1/{kind}/{made}"), 404, f"{verb}_not_found")
    assert _keys(storage) == []


def test_of_two_concurrent_deletions_one_succeeds(
    client: httpx.Client, engine: Engine, checkpoint: Stored, storage: Storage
) -> None:
    job_id = _job_of(engine, checkpoint)
    _finish(engine, job_id)
    with ThreadPoolExecutor(8) as threads:
        codes = sorted(threads.map(lambda _: client.delete(f"/v1/jobs/{job_id}").status_code, range(8)))
    assert codes == [204] + 7 * [404]
    assert _keys(storage) == []


def test_of_two_concurrent_deletions_of_a_checkpoint_one_succeeds(
    client: httpx.Client, engine: Engine, checkpoint: Stored, storage: Storage
) -> None:
    _finish(engine, _job_of(engine, checkpoint))
    with ThreadPoolExecutor(8) as threads:
        codes = sorted(
            threads.map(lambda _: client.delete(f"/v1/checkpoints/{checkpoint.id}").status_code, range(8))
        )
    assert codes == [204] + 7 * [404]
    assert _keys(storage) == []


@pytest.mark.parametrize("what", ["job", "checkpoint"])
@pytest.mark.parametrize("path", ["archive", "files/model.safetensors"])
def test_a_download_that_began_before_the_deletion_completes(
    client: httpx.Client, engine: Engine, checkpoint: Stored, storage: Storage, what: str, path: str
) -> None:
    job_id = _job_of(engine, checkpoint)
    _finish(engine, job_id)
    deleted = f"/v1/jobs/{job_id}" if what == "job" else f"/v1/checkpoints/{checkpoint.id}"
    with client.stream("GET", f"/v1/checkpoints/{checkpoint.id}/{path}") as response:
        body = response.iter_raw(65536)
        first = next(body)
        assert client.delete(deleted).status_code == 204
        assert _keys(storage) == []
        rest = b"".join(body)
    assert len(first) + len(rest) == int(response.headers["content-length"])


_DIES = """
import os, signal, sys
from control.db import create_engine, write
from control.jobs import service as jobs
from control.settings import settings
from control.storage import open_storage
from control.storage.local import LocalStorage

LocalStorage.delete_prefix = lambda self, prefix: os.kill(os.getpid(), signal.SIGKILL)
with write(create_engine(settings().database_url)) as session:
    jobs.delete(session, open_storage(settings().storage_url), sys.argv[1], sys.argv[2])
"""


def test_a_deletion_interrupted_by_a_kill_is_completed_later(
    engine: Engine,
    environment: Settings,
    project_id: str,
    checkpoint: Stored,
    storage: Storage,
    test_broker: Broker,
) -> None:
    job_id = _job_of(engine, checkpoint)
    _finish(engine, job_id)
    died = subprocess.run([sys.executable, "-c", _DIES, project_id, job_id], env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL
    with read(engine) as session:
        assert session.get(Job, job_id) is None
        assert session.scalars(select(Removal.key)).all() == [f"jobs/{job_id}"]
    assert _keys(storage)
    upkeep = Maintenance(engine, test_broker, storage, environment)
    upkeep.round()
    assert _keys(storage), "another process may still be deleting it"
    with write(engine) as session:
        session.execute(text("UPDATE removals SET created_at = created_at - interval '1 minute'"))
    assert upkeep.round()
    upkeep.close()
    assert _keys(storage) == []
    with read(engine) as session:
        assert session.scalars(select(Removal.key)).all() == []


def test_a_deletion_succeeds_while_the_storage_is_unreachable(
    client: httpx.Client, engine: Engine, checkpoint: Stored, storage: Storage, tmp_path: Path
) -> None:
    job_id = _job_of(engine, checkpoint)
    _finish(engine, job_id)
    place = tmp_path / "storage"
    place.rename(tmp_path / "away")
    place.write_text("no directory")
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    place.unlink()
    (tmp_path / "away").rename(place)
    assert carry_out_left(engine, storage) == []
    with write(engine) as session:
        session.execute(text("UPDATE removals SET created_at = created_at - interval '1 minute'"))
    assert carry_out_left(engine, storage) == [f"jobs/{job_id}"]
    assert _keys(storage) == []


def test_bytes_that_two_datasets_share_are_kept_until_both_are_deleted(
    client: httpx.Client, storage: Storage
) -> None:
    ids = [client.post("/v1/datasets", json={"name": name}).json()["id"] for name in ("one", "two")]
    for dataset_id in ids:
        assert client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=b"the same\n").status_code == 201
    assert len(_keys(storage, "projects")) == 1
    assert client.delete(f"/v1/datasets/{ids[0]}").status_code == 204
    assert len(_keys(storage, "projects")) == 1
    assert client.delete(f"/v1/datasets/{ids[1]}").status_code == 204
    assert _keys(storage, "projects") == []


def test_a_dataset_is_never_deleted_while_a_job_on_it_is_submitted(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    for _ in range(10):
        with write(engine) as session:
            dataset = make_dataset(session, project_id)
        spec = make_spec(dataset).model_dump(mode="json")
        start = threading.Barrier(2)

        def at_once(act: Callable[[], httpx.Response], start: threading.Barrier = start) -> httpx.Response:
            start.wait()
            return act()

        with ThreadPoolExecutor(2) as threads:
            deleting = threads.submit(
                at_once, lambda dataset=dataset: client.delete(f"/v1/datasets/{dataset}")
            )
            submitting = threads.submit(at_once, lambda spec=spec: client.post("/v1/jobs", json=spec))
            deleted, submitted = deleting.result(), submitting.result()
        outcome: tuple[int, Any] = (deleted.status_code, submitted.status_code)
        assert outcome in {(204, 404), (409, 201)}
        with read(engine) as session:
            state = session.get_one(Dataset, dataset).state
        assert state == ("deleted" if deleted.status_code == 204 else "ready")
        if deleted.status_code == 409:
            assert submitted.json()["id"] in deleted.json()["detail"]


def test_the_live_stream_of_a_deleted_job_ends(client: httpx.Client, engine: Engine, project_id: str) -> None:
    with write(engine) as session:
        job = make_job(session, project_id)
    with client.stream("GET", f"/v1/jobs/{job.id}/stream") as response:
        lines = response.iter_lines()
        next(lines)
        client.post(f"/v1/jobs/{job.id}/cancel")
        assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
        for _ in lines:
            pass
    problem(client.get(f"/v1/jobs/{job.id}/stream"), 404, "job_not_found")


def test_maintenance_ignores_dropped_checkpoints_of_a_deleted_job(
    client: httpx.Client,
    engine: Engine,
    environment: Settings,
    project_id: str,
    storage: Storage,
    test_broker: Broker,
) -> None:
    with write(engine) as session:
        retention = {
            "training": {"steps": 100, "batch_size": 8, "sequence_length": 64, "retention": {"keep_last": 1}}
        }
        job, claim = make_running(session, project_id=project_id, **retention)
        for step in (10, 20):
            make_checkpoint(session, claim, step)
        jobs.finish(session, job.id, 1, jobs.Completed())
        let_pass(session, 3600)
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    upkeep = Maintenance(engine, test_broker, storage, environment)
    assert upkeep.purge_checkpoints() == []
    upkeep.close()
