"""Checkpoints: found once they are committed, not found once retention drops them."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from control.checkpoints import service as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.presenters import checkpoint_out
from control.db import WriteSession, write
from control.errors import NotFound
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.jobs.service import Point
from tests.factories import make_checkpoint, make_project, make_running, make_worker

KEEP_ONE = {"training": {"steps": 100, "batch_size": 8, "sequence_length": 64, "retention": {"keep_last": 1}}}


def test_a_committed_checkpoint_is_found(session: WriteSession) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 20, {"eval/loss": 2.5})
    out = checkpoint_out(checkpoints.get(session, job.project_id, made.id))
    assert (out.job, out.attempt, out.step, out.bytes) == (job.id, 1, 20, 2)
    assert out.metrics == {"eval/loss": 2.5}
    assert [file.path for file in out.files] == ["config.json"]
    assert jobs.job_out(session, job).checkpoints == 1
    told = jobs.events(session, job.id)[-1]
    assert (told.type, told.data["checkpoint"], told.data["step"]) == ("checkpoint", made.id, 20)


def test_committing_twice_has_the_effect_of_once(session: WriteSession) -> None:
    job, claim = make_running(session)
    first, second = make_checkpoint(session, claim, 20), make_checkpoint(session, claim, 20)
    assert first.id == second.id
    assert len(jobs.events(session, job.id)) == 3


def test_a_checkpoint_of_another_project_is_not_found(session: WriteSession) -> None:
    _, claim = make_running(session)
    made = make_checkpoint(session, claim, 20)
    with pytest.raises(NotFound) as caught:
        checkpoints.get(session, make_project(session), made.id)
    assert caught.value.code == "checkpoint_not_found"


def test_retention_drops_older_checkpoints_at_each_commit(session: WriteSession) -> None:
    job, claim = make_running(session, **KEEP_ONE)
    made = [make_checkpoint(session, claim, step) for step in (10, 20, 30)]
    assert [c.step for c in checkpoints.list_of_job(session, job.id)] == [30]
    assert session.get_one(Checkpoint, made[0].id).deleted_at is not None
    with pytest.raises(NotFound, match="retention"):
        checkpoints.get(session, job.project_id, made[0].id)
    assert jobs.events(session, job.id)[-1].data["dropped"] == [made[1].id]


def test_the_metric_of_retention_may_be_any_logged_metric(session: WriteSession) -> None:
    retention = {"keep_last": 1, "keep_best": "train/loss"}
    training = {"steps": 100, "batch_size": 8, "sequence_length": 64, "retention": retention}
    job, claim = make_running(session, training=training)
    now = datetime.now(UTC)
    for step, loss in [(10, 1.0), (20, 3.0), (30, 2.0)]:
        jobs.record_points(session, job.id, 1, [Point("train/loss", step - 1, loss, now)])
        make_checkpoint(session, claim, step)
    found = checkpoints.list_of_job(session, job.id)
    assert [(c.step, c.metrics) for c in found] == [(30, {"train/loss": 2.0}), (10, {"train/loss": 1.0})]


def test_a_metric_that_is_not_finite_is_stored_as_none(session: WriteSession) -> None:
    _, claim = make_running(session)
    assert make_checkpoint(session, claim, 10, {"eval/loss": float("nan")}).metrics == {"eval/loss": None}


def test_the_checkpoint_of_a_fork_is_kept_until_the_fork_has_its_own_or_has_ended(
    session: WriteSession,
) -> None:
    job, claim = make_running(session, **KEEP_ONE)
    start = make_checkpoint(session, claim, 10)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    make_checkpoint(session, claim, 20)
    assert [c.step for c in checkpoints.list_of_job(session, job.id)] == [20, 10]
    running = jobs.claim(session, make_worker(session))
    assert running
    assert running.job_id == child.id
    make_checkpoint(session, running, 15)
    make_checkpoint(session, claim, 30)
    assert [c.step for c in checkpoints.list_of_job(session, job.id)] == [30]
    assert session.get_one(Checkpoint, start.id).deleted_at is not None


def test_a_cancelled_fork_keeps_no_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session, **KEEP_ONE)
    make_checkpoint(session, claim, 10)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    jobs.request(session, job.project_id, child.id, "cancel")
    make_checkpoint(session, claim, 20)
    assert [c.step for c in checkpoints.list_of_job(session, job.id)] == [20]


def test_pages_are_in_descending_order_of_steps(session: WriteSession) -> None:
    job, claim = make_running(session, training=KEEP_ONE["training"] | {"retention": {"keep_last": 9}})
    for step in (10, 20, 30):
        make_checkpoint(session, claim, step)
    first = checkpoints.list_of_job(session, job.id, limit=2)
    last = first[-1]
    rest = checkpoints.list_of_job(session, job.id, limit=2, before=(last.step, last.attempt))
    assert [c.step for c in [*first, *rest]] == [30, 20, 10]


def test_a_rolled_back_commit_leaves_no_checkpoint(engine: Engine) -> None:
    with write(engine) as session:
        _, claim = make_running(session)

    def fail(session: WriteSession) -> None:
        make_checkpoint(session, claim, 10)
        raise LookupError

    with pytest.raises(LookupError), write(engine) as session:
        fail(session)
    with write(engine) as session:
        assert checkpoints.list_of_job(session, claim.job_id) == []
