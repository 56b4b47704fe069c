"""Samples from the engine to storage and the database; no error of theirs fails a job."""

from sqlalchemy import select

from control.db import read
from control.samples.models import Sample
from tests.worker.conftest import Bench, Tree


def _samples(bench: Bench, job_id: str) -> dict[int, Sample]:
    with read(bench.database) as session:
        rows = session.scalars(select(Sample).where(Sample.job_id == job_id).order_by(Sample.seq))
        return {row.step: row for row in rows}


def test_samples_are_stored_and_those_that_are_too_large_are_dropped(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine samples_every=10 step_seconds=0.01")
    job = bench.await_state(job_id, "succeeded", "failed")
    assert job.state == "succeeded", job.failure
    found = _samples(bench, job_id)
    assert list(found) == [10, 30, 40], "that of step 20 has 2 MiB"
    for step, row in found.items():
        assert (row.name, row.media_type, row.attempt) == ("text", "text/plain", 1)
        with bench.storage.open(row.object_key) as content:
            assert content.read() == f"at step {step}".encode()
    assert "sample large of step 20 is left out" in bench.log()
    assert "warning" not in bench.events(job_id)


def test_a_resumed_run_shows_each_step_once(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine samples_every=5 die_at=38 once step_seconds=0.01")
    job = bench.await_state(job_id, "succeeded", "failed")
    assert job.state == "succeeded", job.failure
    assert bench.attempt(job_id, 1).outcome == "crashed"
    assert sorted(_samples(bench, job_id)) == [5, 10, 15, 25, 30, 35, 40]
