"""A job pauses before the disk is full."""

from control.db import write
from control.jobs import service as jobs
from tests.worker.conftest import Bench


def test_a_disk_that_is_nearly_full_pauses_what_runs(bench: Bench) -> None:
    job_id = bench.submit("engine step_seconds=0.02")
    with bench.worker(SEEDBED_KEEP_FREE_SHARE="0.999", SEEDBED_KEEP_FREE_BYTES=str(1 << 60)):
        job = bench.await_state(job_id, "paused", "succeeded", "failed")
    assert job.pause is not None
    assert job.pause["code"] == "disk_low"
    with write(bench.database) as session:
        jobs.resume(session, bench.project, job_id)
    with bench.worker():
        assert bench.await_state(job_id, "succeeded", "failed", "paused").state == "succeeded"
