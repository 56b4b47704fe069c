"""A run that reaches a quota, the disk's reserve or its time limit stops with its last complete checkpoint and the reason, and can be resumed."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from control.checkpoints.repository import present
from control.db import read, write
from control.errors import Conflict
from control.jobs import service as jobs
from control.jobs.schemas import RetryIn
from control.jobs.service import Claim, Completed, Failed, Paused, Result, Stopped
from control.lifecycle.models import Event
from control.quotas.errors import DiskLow, QuotaExceeded
from control.quotas.schemas import QuotasIn
from control.quotas.service import set_quotas
from tests.worker.conftest import Bench, Tree
from tests.worker.scripted_engine import loss_at
from worker.limits import TimeLimit, without_room
from worker.logs import LogKeeper

KEEP_ALL = {"retention": {"keep_last": 1000}}


def _limit(bench: Bench, **quotas: int | None) -> None:
    with write(bench.database) as session:
        set_quotas(session, bench.project, QuotasIn.model_validate(quotas))


def _stored(bench: Bench, job_id: str) -> set[str]:
    keys = (item.key for item in bench.storage.list(f"jobs/{job_id}"))
    return {key.split("/")[3] for key in keys if "/step-" in key}


def _warnings(bench: Bench, job_id: str) -> list[str]:
    with read(bench.database) as session:
        query = session.query(Event).filter_by(job_id=job_id, type="warning").order_by(Event.id)
        return [event.data["code"] for event in query]


@pytest.fixture
def one_checkpoint(bench: Bench, worker: Tree) -> int:
    """Bytes of a checkpoint of the scripted engine."""
    job_id = bench.submit("engine", training={"steps": 10})
    bench.await_state(job_id, "succeeded")
    with read(bench.database) as session:
        size: int = session.scalar(text("SELECT bytes FROM checkpoints WHERE job_id = :job"), {"job": job_id})
    with write(bench.database) as session:
        session.execute(text("UPDATE checkpoints SET deleted_at = now(), purged_at = now()"))
    return size


@pytest.fixture(autouse=True)
def _no_quota_left(bench: Bench) -> Any:
    yield
    _limit(bench, checkpoints=None, samples=None, logs=None)


def test_a_job_pauses_at_the_quota_of_its_project_and_resumes_with_a_larger_one(
    bench: Bench, one_checkpoint: int
) -> None:
    _limit(bench, checkpoints=2 * one_checkpoint + one_checkpoint // 2)
    job_id = bench.submit("engine step_seconds=0.02", training={"steps": 60, **KEEP_ALL})
    job = bench.await_state(job_id, "paused", "succeeded", "failed")
    assert job.pause is not None
    assert job.pause["code"] == "quota_exceeded"
    assert "checkpoints take up" in job.pause["message"]
    assert bench.checkpoints(job_id) == [10, 20]
    assert _stored(bench, job_id) == {"step-10", "step-20"}
    assert "quota_exceeded" in _warnings(bench, job_id)
    with read(bench.database) as session:
        assert jobs.job_out(session, job).pause is not None

    _limit(bench, checkpoints=None)
    with write(bench.database) as session:
        jobs.resume(session, bench.project, job_id)
    job = bench.await_state(job_id, "succeeded", "failed", "paused")
    assert (job.state, job.pause) == ("succeeded", None)
    assert bench.attempt(job_id, 2).start_step == 20
    assert bench.points(job_id) == {step: loss_at(step) for step in range(1, 61)}


def test_checkpoints_that_retention_drops_make_room(bench: Bench, one_checkpoint: int) -> None:
    _limit(bench, checkpoints=2 * one_checkpoint + one_checkpoint // 2)
    job_id = bench.submit("engine step_seconds=0.01", training={"steps": 100, "retention": {"keep_last": 2}})
    job = bench.await_state(job_id, "succeeded", "paused", "failed")
    assert job.state == "succeeded"
    with read(bench.database) as session:
        kept = [found.step for found in present(session, job_id)]
    # The second to last one may have been replaced before it was stored.
    assert kept[0] == 100
    assert len(kept) == 2


def test_a_run_whose_last_checkpoint_has_no_room_does_not_succeed(bench: Bench, one_checkpoint: int) -> None:
    _limit(bench, checkpoints=one_checkpoint // 2)
    job_id = bench.submit("engine", training={"steps": 5})
    job = bench.await_state(job_id, "paused", "succeeded", "failed")
    assert job.state == "paused"
    assert bench.checkpoints(job_id) == []
    assert _stored(bench, job_id) == set()


def test_samples_without_room_are_dropped_and_reported_once(bench: Bench, worker: Tree) -> None:
    _limit(bench, samples=30)
    job_id = bench.submit("engine samples_every=2", training={"steps": 16})
    job = bench.await_state(job_id, "succeeded", "paused", "failed")
    assert job.state == "succeeded"
    with read(bench.database) as session:
        taken = session.scalar(text("SELECT sum(bytes) FROM samples WHERE job_id = :job"), {"job": job_id})
    assert 0 < taken <= 30
    assert _warnings(bench, job_id) == ["quota_exceeded"]


def test_without_room_only_the_last_lines_of_a_log_are_stored(bench: Bench, worker: Tree) -> None:
    _limit(bench, logs=1)
    job_id = bench.submit("engine", training={"steps": 5})
    bench.await_state(job_id, "succeeded")
    attempt = bench.attempt(job_id, 1)
    assert attempt.log_key is None
    assert "scripted engine, 5 steps from 0" in attempt.log_tail


def test_a_job_ends_with_its_time_and_is_retried_with_more(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit("engine step_seconds=0.1", training={"steps": 40}, resources={"max_seconds": 1.5})
    job = bench.await_state(job_id, "failed", "succeeded")
    assert job.failure is not None
    assert job.failure["code"] == "time_limit"
    assert "1.5 s" in job.failure["message"]
    assert bench.attempt(job_id, 1).exit_code == 75
    assert bench.checkpoints(job_id)[-1] == job.step < 40
    assert job.seconds_used >= 1.5
    for body in (None, RetryIn(), RetryIn(max_seconds=1.5)):
        with write(bench.database) as session, pytest.raises(Conflict, match="larger max_seconds"):
            jobs.retry(session, bench.project, job_id, body)
    with write(bench.database) as session:
        jobs.retry(session, bench.project, job_id, RetryIn(max_seconds=None))
    stopped_at = job.step
    job = bench.await_state(job_id, "succeeded", "failed")
    assert job.state == "succeeded"
    assert job.spec["resources"]["max_seconds"] is None
    assert bench.attempt(job_id, 2).start_step == stopped_at


def test_the_time_of_all_attempts_counts() -> None:
    spec = {"resources": {"max_seconds": 100}}
    claim = Claim("job", "project", 2, spec, (), (), 30.0, seconds_used=60.0)
    limit, used_up = (
        TimeLimit.of(claim),
        TimeLimit.of(Claim("job", "p", 2, spec, (), (), 30.0, seconds_used=101.0)),
    )
    assert not limit.reach(limit.ends_at - 1)
    assert limit.reach(limit.ends_at)
    assert used_up.reach(limit.ends_at - 39.0)
    assert not TimeLimit.of(Claim("exp", "p", 1, spec, (), (), 30.0, "export", seconds_used=101.0)).reach(
        1e12
    )
    assert not TimeLimit.of(Claim("job", "p", 1, {"resources": {}}, (), (), 30.0)).reach(1e12)


QUOTA = QuotaExceeded("checkpoints", used=90, more=20, limit=100)
LOW = DiskLow(free=1, keep=2)
NAN = Failed("non_finite_loss", "The loss is NaN.")


@pytest.mark.parametrize(
    ("result", "error", "becomes"),
    [
        (Stopped(75), QUOTA, "quota_exceeded"),
        (Stopped(-9), LOW, "disk_low"),
        (Completed(), QUOTA, "quota_exceeded"),
        (Completed(), LOW, None),
        (NAN, QUOTA, None),
        (Failed("disk_full", "Full.", retryable=True), LOW, "disk_low"),
    ],
)
def test_the_outcome_of_an_attempt_without_room(
    result: Result, error: QuotaExceeded | DiskLow, becomes: str | None
) -> None:
    job = Claim("job", "project", 1, {}, (), (), 30.0)
    export = Claim("exp", "project", 1, {}, (), (), 30.0, "export")
    # With the quota, an upload was refused; the disk was only found nearly full.
    refused = error is QUOTA
    of_job, of_task = (without_room(result, error, claim, refused=refused) for claim in (job, export))
    if becomes is None:
        assert of_job == of_task == result
        return
    assert isinstance(of_job, Paused)
    assert of_job.code == becomes
    assert of_job.detail == error.detail
    assert isinstance(of_task, Failed)
    assert (of_task.code, of_task.retryable) == (becomes, False)


class _Silent:
    failing = False

    def add(self, _: object) -> None:
        """Events are not used here."""


def test_a_log_that_is_too_long_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with path.open("ab", buffering=0) as engine:
        keeper = LogKeeper(path, _Silent(), "job", 1, limit=1000)  # type: ignore[arg-type]
        engine.write(b"begins\n")
        for number in range(10_000):
            engine.write(b"line %d\n" % number)
            keeper.look()
            assert path.stat().st_size < 1100
        engine.write(b"ends\n")
    content = path.read_bytes()
    assert content.startswith(b"begins\nline 0\n")
    assert content.endswith(b"line 9999\nends\n")
    assert b"bytes are left out here" in content
