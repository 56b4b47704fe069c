"""Files that a worker uploaded and never committed are removed."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from control.maintenance.orphans import sweep
from control.samples.service import commit_sample
from control.settings import Settings
from control.storage import Storage, open_storage
from tests.factories import make_checkpoint, make_running

NO_TIME = timedelta(0)


@pytest.fixture
def storage(environment: Settings) -> Storage:
    return open_storage(environment.storage_url)


def _upload(storage: Storage, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_text("{}")
    storage.put_file(key, source)


def test_only_files_that_can_never_become_a_checkpoint_are_removed(
    engine: Engine, storage: Storage, tmp_path: Path
) -> None:
    with write(engine) as session:
        _, claim = make_running(session)
        make_checkpoint(session, claim, 10)
    base = f"jobs/{claim.job_id}/attempt-1"
    keys = [f"{base}/step-10/config.json", f"{base}/step-20/config.json", f"{base}/engine.log"]
    for key in keys:
        _upload(storage, tmp_path, key)
    assert sweep(engine, storage, older_than=NO_TIME) == [], "the attempt runs and may still commit"
    with write(engine) as session:
        jobs.finish(session, claim.job_id, 1, jobs.Failed("engine_died", "Killed.", retryable=True))
    assert sweep(engine, storage) == [], "it is too young"
    assert sweep(engine, storage, older_than=NO_TIME) == [f"{base}/step-20"]
    assert sorted(item.key for item in storage.list("jobs")) == sorted([keys[0], keys[2]])


def test_samples_and_exports_without_a_row_are_removed(
    engine: Engine, storage: Storage, tmp_path: Path
) -> None:
    with write(engine) as session:
        job, claim = make_running(session)
    base = f"jobs/{claim.job_id}/attempt-1"
    kept, old = f"{base}/samples/step-10/text/content", f"{base}/samples/step-20/text/content"
    export = f"jobs/{claim.job_id.replace('job_', 'exp_')}/attempt-1/files"
    for key in (kept, old, f"{export}/model.onnx"):
        _upload(storage, tmp_path, key)
    with write(engine) as session:
        commit_sample(
            session,
            job.id,
            1,
            step=10,
            name="text",
            media_type="text/plain",
            size=2,
            sha256="a" * 64,
            object_key=kept,
        )
        jobs.finish(session, claim.job_id, 1, jobs.Failed("engine_died", "Killed.", retryable=True))
    gone = sweep(engine, storage, older_than=NO_TIME)
    assert sorted(gone) == sorted([export, old.removesuffix("/content")])
    assert [item.key for item in storage.list("jobs")] == [kept]
