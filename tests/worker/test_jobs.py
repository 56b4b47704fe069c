"""A job through Celery, the supervisor and the engine's protocol; the engine itself is scripted."""

import json

from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.presenters import progress
from tests.worker.conftest import Bench, Tree
from tests.worker.scripted_engine import loss_at

EVERY_POINT = {step: loss_at(step) for step in range(1, 41)}


def test_a_job_runs_to_its_end_and_all_its_events_are_stored(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine step_seconds=0.02")

    job = bench.await_state(job_id, "succeeded", "failed")

    assert job.state == "succeeded"
    assert bench.points(job_id) == EVERY_POINT
    assert bench.checkpoints(job_id) == [10, 20, 30, 40]
    attempt = bench.attempt(job_id, 1)
    assert attempt.outcome == "completed"
    assert attempt.engine["device_name"] == "scripted"
    assert "scripted engine, 40 steps from 0" in attempt.log_tail
    assert attempt.log_key is not None
    with bench.storage.open(attempt.log_key) as log:
        assert b"scripted engine, 40 steps from 0" in log.read()
    with bench.storage.open(f"jobs/{job_id}/attempt-1/step-40/config.json") as config:
        assert json.load(config) == {"step": 40}


def test_a_job_of_epochs_tells_its_steps_once_its_data_are_prepared(bench: Bench, worker: Tree) -> None:
    training = {"steps": None, "epochs": 1.5}
    job_id = bench.submit("engine step_seconds=0.05", training=training)
    bench.await_step(job_id, 3)

    with read(bench.database) as session:
        job = jobs.get(session, bench.project, job_id)
        shown = progress(job)
    assert (shown.steps, shown.epochs) == (30, 1.5)
    assert shown.epoch == shown.step / 20
    assert shown.fraction == shown.step / 30

    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "pause")
    bench.await_state(job_id, "paused")
    with write(bench.database) as session:
        jobs.resume(session, bench.project, job_id)
    assert bench.await_state(job_id, "succeeded", "failed").step == 30
    with read(bench.database) as session:
        messages = [event.message for event in jobs.events(session, job_id) if event.type == "decision"]
    assert messages[0] == "training.epochs gives 30 steps: Because of the epochs."


def test_cancel_stops_the_engine_at_a_checkpoint(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine step_seconds=0.05", training={"steps": 10_000})
    bench.await_step(job_id, 3)

    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "cancel")
    job = bench.await_state(job_id, "cancelled")

    assert bench.attempt(job_id, 1).exit_code == 75
    assert bench.checkpoints(job_id)[-1] == job.step


def test_a_paused_job_continues_from_where_it_stopped(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine step_seconds=0.05")
    bench.await_step(job_id, 5)
    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "pause")
    stopped = bench.await_state(job_id, "paused").step

    with write(bench.database) as session:
        jobs.resume(session, bench.project, job_id)
    bench.await_state(job_id, "succeeded")

    assert bench.attempt(job_id, 2).start_step == stopped
    assert bench.points(job_id) == EVERY_POINT


def test_a_killed_engine_is_retried_from_its_last_checkpoint(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine die_at=25 once step_seconds=0.02")

    job = bench.await_state(job_id, "succeeded", "failed")

    assert job.state == "succeeded"
    assert job.retries_used == 1
    assert bench.attempt(job_id, 1).outcome == "crashed"
    assert bench.attempt(job_id, 2).start_step == 20
    assert bench.points(job_id) == EVERY_POINT


def test_a_crash_is_retried_up_to_the_retry_limit(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine fail_at=5", resources={"max_retries": 2})

    job = bench.await_state(job_id, "failed")

    assert (job.attempt, job.retries_used) == (3, 2)
    assert job.failure is not None
    assert job.failure["code"] == "internal"
    assert job.failure["hint"] == "Mend it."


def test_permanent_errors_fail_at_once(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine exit_at=15")

    job = bench.await_state(job_id, "failed")

    assert job.attempt == 1
    assert job.failure is not None
    assert job.failure["code"] == "non_finite_loss"
    assert job.failure["details"] == {"sample_ids": [1, 2]}
    assert bench.checkpoints(job_id) == [10], "the last good checkpoint is kept"


def test_a_dataset_file_that_changed_in_storage_is_never_trained_on(bench: Bench, worker: Tree) -> None:
    content = b"what was uploaded\n" * 5000
    dataset = bench.dataset(content)
    path = bench.storage.local_path(bench.blob_key(content))
    assert path is not None
    path.write_bytes(b"something else\n" * 5000)
    job_id = bench.submit(dataset=dataset)
    job = bench.await_state(job_id, "failed")

    assert job.failure is not None
    assert job.failure["code"] == "dataset_damaged"
    assert "corpus.txt" in job.failure["message"]


def test_reading_options_of_an_upload_reach_the_engine(bench: Bench, worker: Tree) -> None:
    rows = b"title,body\n" + b"".join(b"title %d,some text to learn from %d\n" % (n, n) for n in range(5000))
    dataset = bench.dataset(rows, "table.csv", reading={"column": "body"})
    job_id = bench.submit("engine", dataset=dataset)
    assert bench.await_state(job_id, "succeeded", "failed").state == "succeeded"
    assert 'reading: {"table.csv": {"column": "body"}}' in bench.attempt(job_id, 1).log_tail
