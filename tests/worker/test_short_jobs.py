"""A short job through Celery, the supervisor and the engine's protocol; the engine itself is scripted."""

import hashlib

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from tests.worker.conftest import Bench, Tree


def _checkpoint(bench: Bench, job_id: str) -> str:
    with read(bench.database) as session:
        rows = session.query(Checkpoint).filter_by(job_id=job_id, deleted_at=None).order_by(Checkpoint.step)
        return rows.all()[-1].id


def export_newest(bench: Bench, job_id: str) -> Job:
    """Have the job's newest checkpoint exported."""
    with write(bench.database) as session:
        short_job = short_jobs.create_from_checkpoint(
            session, EXPORT, bench.project, _checkpoint(bench, job_id), ExportIn(format="onnx")
        )
    return bench.await_state(short_job.id, "succeeded", "failed")


def test_files_of_an_export_are_in_storage_before_it_succeeds(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit()
    bench.await_state(job_id, "succeeded")
    short_job = export_newest(bench, job_id)
    assert short_job.state == "succeeded", short_job.failure
    assert short_job.result
    [file] = short_job.result["files"]
    assert (file["path"], file["bytes"]) == ("model.onnx", len("step 40 as onnx"))
    assert file["sha256"] == hashlib.sha256(b"step 40 as onnx").hexdigest()
    with bench.storage.open(f"{short_job.result['prefix']}/model.onnx") as content:
        assert content.read() == b"step 40 as onnx"
    assert "path" not in short_job.result, "a worker's directories are nobody's business"
