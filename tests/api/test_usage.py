"""A project's use of storage is reported and limited by quotas and by the disk's reserve, also for concurrent requests."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from control.samples.service import commit_sample
from control.settings import Settings, settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from control.storage import open_storage
from tests.api.conftest import Stored, problem
from tests.factories import make_worker

KIB = 1024
LINE = b"sixteen letters\n"


def _text(size: int) -> bytes:
    return LINE * (size // len(LINE))


def _put(client: httpx.Client, dataset_id: str, name: str, content: Any) -> httpx.Response:
    return client.put(f"/v1/datasets/{dataset_id}/files/{name}", content=content)


def _usage(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v1/usage")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def _left(settings: Settings) -> int:
    storage = open_storage(settings.storage_url)
    return sum(item.bytes for prefix in ("projects", "tmp") for item in storage.list(prefix))


def test_a_new_project_uses_no_storage(client: httpx.Client, project_id: str) -> None:
    found = _usage(client)
    nothing = {"count": 0, "bytes": 0, "limit_bytes": None}
    for kind in ("datasets", "checkpoints", "samples", "exports", "previews", "logs"):
        assert found[kind] == nothing
    assert (found["project"], found["bytes"], found["leaving_bytes"]) == (project_id, 0, 0)
    disk = found["disk"]
    assert 0 < disk["keep_free_bytes"] <= 0.05 * disk["total_bytes"]
    assert disk["free_bytes"] <= disk["total_bytes"]


def test_every_kind_is_counted(
    client: httpx.Client,
    stranger: httpx.Client,
    engine: Engine,
    checkpoint: Stored,
    dataset_id: str,
    project_id: str,
    environment: Settings,
) -> None:
    assert _put(client, dataset_id, "a.txt", _text(4 * KIB)).status_code == 201
    assert _put(client, dataset_id, "b.txt", _text(4 * KIB)).status_code == 201, "the same bytes again"
    assert _put(client, dataset_id, "c.txt", _text(2 * KIB)).status_code == 201
    job_id = client.get(f"/v1/checkpoints/{checkpoint.id}").json()["job"]
    with write(engine) as session:
        commit_sample(
            session, job_id, 1, step=5, name="text", media_type="text/plain", size=300, sha256="a" * 64,
            object_key=f"jobs/{job_id}/attempt-1/samples/step-5/text/content",
        )  # fmt: skip
        jobs.record_log_tail(
            session, job_id, 1, "end", total_bytes=70, object_key=f"jobs/{job_id}/attempt-1/log.txt"
        )
        jobs.finish(session, job_id, 1, jobs.Completed())
        export = short_jobs.create_from_checkpoint(
            session, EXPORT, project_id, checkpoint.id, ExportIn(format="onnx")
        )
        claim = jobs.claim(session, make_worker(session))
        assert claim
        assert claim.job_id == export.id
        files = [
            {"path": "model.onnx", "bytes": 1000, "sha256": "b" * 64},
            {"path": "c", "bytes": 1, "sha256": "c" * 64},
        ]
        made = {"prefix": f"jobs/{export.id}/attempt-1/files", "files": files}
        jobs.finish(session, export.id, 1, jobs.Completed(result=made))
    found = _usage(client)
    sizes = {
        kind: (found[kind]["count"], found[kind]["bytes"])
        for kind in ("datasets", "checkpoints", "samples", "exports", "logs")
    }
    weights = client.get(f"/v1/checkpoints/{checkpoint.id}").json()["bytes"]
    # The job's dataset is only a record, of a million bytes.
    assert sizes == {
        "datasets": (2, 6 * KIB + 1_000_000),
        "checkpoints": (1, weights),
        "samples": (1, 300),
        "exports": (1, 1001),
        "logs": (1, 70),
    }
    assert found["bytes"] == sum(size for _, size in sizes.values())
    assert _usage(stranger)["bytes"] == 0
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert _usage(client)["bytes"] == 6 * KIB + 1_000_000


def test_each_quota_can_be_set_and_the_operators_quotas_apply_too(
    client: httpx.Client,
) -> None:
    told = client.patch("/v1/quotas", json={"datasets": 5000, "logs": 10}).json()
    assert (told["datasets"]["limit_bytes"], told["logs"]["limit_bytes"]) == (5000, 10)
    told = client.patch("/v1/quotas", json={"logs": None, "samples": 7}).json()
    limits = {
        kind: told[kind]["limit_bytes"] for kind in ("datasets", "checkpoints", "samples", "exports", "logs")
    }
    assert limits == {"datasets": 5000, "checkpoints": None, "samples": 7, "exports": None, "logs": None}
    for wrong in (
        {"datasets": -1},
        {"datasets": 2**63},
        {"datasets": "all"},
        {"models": 1},
        {"samples": 0.5},
    ):
        assert client.patch("/v1/quotas", json=wrong).status_code == 422


def test_a_file_that_does_not_fit_is_refused_before_its_bytes(
    client: httpx.Client, dataset_id: str, environment: Settings
) -> None:
    client.patch("/v1/quotas", json={"datasets": 64 * KIB})
    told = problem(_put(client, dataset_id, "a.txt", _text(65 * KIB)), 413, "quota_exceeded")
    assert told["params"]["kind"] == "datasets"
    assert told["params"]["limit_bytes"] == 64 * KIB
    assert "datasets" in told["detail"]
    assert "64 KiB" in told["detail"]
    assert _put(client, dataset_id, "a.txt", _text(64 * KIB)).status_code == 201
    assert problem(_put(client, dataset_id, "b.txt", LINE), 413, "quota_exceeded")
    assert _put(client, dataset_id, "a.txt", _text(32 * KIB)).status_code == 200, "it makes room for itself"
    assert _put(client, dataset_id, "b.txt", _text(16 * KIB)).status_code == 201
    assert client.delete(f"/v1/datasets/{dataset_id}/files/a.txt").status_code == 204
    assert _put(client, dataset_id, "c.txt", _text(48 * KIB)).status_code == 201
    assert _left(environment) == _usage(client)["datasets"]["bytes"] == 64 * KIB


def test_an_upload_of_unknown_length_is_cut_off_when_it_exceeds_the_quota(
    client: httpx.Client, dataset_id: str, environment: Settings
) -> None:
    client.patch("/v1/quotas", json={"datasets": 64 * KIB})
    most = 0

    def endless() -> Iterator[bytes]:
        nonlocal most
        for _ in range(64):
            yield _text(1 << 20)
            most = max(most, _left(environment))

    # The service may close the connection while this is still sending.
    with contextlib.suppress(httpx.WriteError):
        problem(_put(client, dataset_id, "a.txt", endless()), 413, "quota_exceeded")
    assert most <= 64 * KIB
    assert _left(environment) == 0
    assert _put(client, dataset_id, "b.txt", iter([_text(64 * KIB)])).status_code == 201, (
        "nothing is held on to"
    )


def test_concurrent_uploads_together_do_not_exceed_the_quota(
    client: httpx.Client, dataset_id: str, environment: Settings
) -> None:
    client.patch("/v1/quotas", json={"datasets": 100 * KIB})
    bodies = [bytes([65 + i]) * 15 + b"\n" for i in range(8)]

    def put(number: int) -> int:
        content = bodies[number] * (40 * KIB // 16)
        # Half of them have no Content-Length.
        return _put(
            client, dataset_id, f"{number}.txt", iter([content]) if number % 2 else content
        ).status_code

    with ThreadPoolExecutor(8) as threads:
        codes = sorted(threads.map(put, range(8)))
    assert set(codes) == {201, 413}
    assert 1 <= codes.count(201) <= 2
    assert _usage(client)["datasets"]["bytes"] == codes.count(201) * 40 * KIB == _left(environment)
    assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    other = client.post("/v1/datasets", json={"name": "other"}).json()["id"]
    assert _put(client, other, "a.txt", _text(100 * KIB)).status_code == 201, "what was refused holds no room"


def test_a_quota_below_the_present_usage_deletes_nothing(client: httpx.Client, dataset_id: str) -> None:
    assert _put(client, dataset_id, "a.txt", _text(64 * KIB)).status_code == 201
    client.patch("/v1/quotas", json={"datasets": 16 * KIB})
    assert _usage(client)["datasets"] == {"count": 1, "bytes": 64 * KIB, "limit_bytes": 16 * KIB}
    problem(_put(client, dataset_id, "b.txt", LINE), 413, "quota_exceeded")
    assert client.post(f"/v1/datasets/{dataset_id}/complete").status_code == 200


class TestOperator:
    @pytest.fixture
    def server_settings(self, environment: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
        monkeypatch.setenv("SEEDBED_QUOTA_DATASETS_BYTES", str(64 * KIB))
        settings.cache_clear()
        return settings()

    def test_a_project_may_lower_the_operators_quota_and_not_raise_it(
        self, client: httpx.Client, dataset_id: str
    ) -> None:
        assert _usage(client)["datasets"]["limit_bytes"] == 64 * KIB
        told = client.patch("/v1/quotas", json={"datasets": 1 << 40}).json()
        assert told["datasets"]["limit_bytes"] == 64 * KIB
        problem(_put(client, dataset_id, "a.txt", _text(65 * KIB)), 413, "quota_exceeded")
        assert client.patch("/v1/quotas", json={"datasets": 16}).json()["datasets"]["limit_bytes"] == 16


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a file system")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class TestSmallDisk:
    @pytest.fixture
    def server_settings(self, environment: Settings, small_disk: Path) -> Settings:
        return environment.model_copy(update={"storage_url": f"file://{small_disk}", "keep_free_share": 0.25})

    def test_the_reserve_of_the_disk_stays_free(
        self, client: httpx.Client, dataset_id: str, small_disk: Path
    ) -> None:
        disk = _usage(client)["disk"]
        assert (disk["total_bytes"], disk["keep_free_bytes"]) == (8 << 20, 2 << 20)
        told = problem(_put(client, dataset_id, "a.txt", _text(7 << 20)), 507, "disk_low")
        assert "2 MiB of it must stay free" in told["detail"]
        assert _put(client, dataset_id, "b.txt", _text(5 << 20)).status_code == 201
        assert client.get("/readyz").status_code == 200
        endless = (_text(1 << 20) for _ in range(64))
        with contextlib.suppress(httpx.WriteError):
            answer = _put(client, dataset_id, "c.txt", endless)
            assert (answer.status_code, answer.json()["code"]) in {(507, "disk_low"), (507, "storage_full")}
        assert shutil.disk_usage(small_disk).free >= 2 << 20, "what was cut off is gone"
        assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204
        assert _usage(client)["disk"]["free_bytes"] > 7 << 20
