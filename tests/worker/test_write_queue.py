"""What a supervisor has to write: in order, nothing lost while the database is away, nothing written for a lost attempt."""

from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from control.db import WriteSession, read, write
from control.jobs.service import Claim, LeaseLost
from control.lifecycle.models import Job
from control.metrics import repository as metrics
from tests.factories import make_running
from worker import write_queue as module
from worker.write_queue import WriteQueue

AWAY = OperationalError("INSERT", {}, Exception("the server closed the connection unexpectedly"))


@pytest.fixture
def claim(engine: Engine) -> Claim:
    with write(engine) as session:
        return make_running(session)[1]


@pytest.fixture
def write_queue(engine: Engine, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> WriteQueue:
    """A queue that writes and retries without delay."""
    monkeypatch.setattr(module, "_BATCH_SECONDS", 0.0)
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", (0.0,))
    return WriteQueue(engine, claim.job_id, claim.attempt)


def points(engine: Engine, job_id: str) -> list[tuple[int, float]]:
    with read(engine) as session:
        return [(point.step, point.value) for point in metrics.after(session, job_id, 0, None, 1000)]


def test_writes_keep_their_order(engine: Engine, write_queue: WriteQueue, claim: Claim) -> None:
    seen: list[list[tuple[int, float]]] = []

    def look(session: WriteSession) -> None:
        seen.append([(p.step, p.value) for p in metrics.after(session, claim.job_id, 0, None, 1000)])

    write_queue.points(1, 1000.0, {"train/loss": 3.0})
    write_queue.points(2, 1001.0, {"train/loss": 2.0})
    write_queue.add(look)
    write_queue.points(3, 1002.0, {"train/loss": 1.0})
    write_queue.add(look)
    assert not write_queue.idle
    assert write_queue.flush()
    assert write_queue.idle
    assert seen == [[(1, 3.0), (2, 2.0)], [(1, 3.0), (2, 2.0), (3, 1.0)]]


def test_during_a_database_outage_all_writes_are_kept_in_order(
    engine: Engine, write_queue: WriteQueue, claim: Claim
) -> None:
    away = True

    def fails(_: WriteSession) -> None:
        if away:
            raise AWAY

    write_queue.points(1, 1000.0, {"train/loss": 3.0})
    write_queue.add(fails)
    assert not write_queue.flush()
    assert write_queue.failing
    write_queue.points(2, 1001.0, {"train/loss": 2.0})
    assert not write_queue.flush()
    assert points(engine, claim.job_id) == [], "a transaction is whole or not at all"
    away = False
    assert write_queue.flush()
    assert not write_queue.failing
    assert points(engine, claim.job_id) == [(1, 3.0), (2, 2.0)]


def test_writes_during_a_batch_wait_for_the_next_batch(
    engine: Engine, write_queue: WriteQueue, claim: Claim
) -> None:
    write_queue.add(lambda _: write_queue.points(7, 1000.0, {"train/loss": 1.0}))
    assert not write_queue.flush()
    assert not write_queue.idle
    assert write_queue.flush()
    assert points(engine, claim.job_id) == [(7, 1.0)]


def test_a_permanent_error_is_not_retried(write_queue: WriteQueue) -> None:
    def wrong(session: WriteSession) -> None:
        session.execute(text("SELECT nonsense FROM nowhere"))

    write_queue.add(wrong)
    with pytest.raises(ProgrammingError):
        write_queue.flush()


def test_an_attempt_without_the_lease_writes_nothing(
    engine: Engine, claim: Claim, write_queue: WriteQueue
) -> None:
    with write(engine) as session:
        session.execute(text("UPDATE jobs SET attempt = attempt + 1"))
    write_queue.points(1, 1000.0, {"train/loss": 3.0})
    with pytest.raises(LeaseLost):
        write_queue.flush()
    assert points(engine, claim.job_id) == []


def test_values_that_are_not_finite_are_written(
    engine: Engine, write_queue: WriteQueue, claim: Claim
) -> None:
    write_queue.points(1, 1000.0, {"a": "nan", "b": "inf", "c": "-inf"})
    assert write_queue.flush()
    with read(engine) as session:
        found = {p.name: repr(p.value) for p in metrics.after(session, claim.job_id, 0, None, 10)}
    assert found == {"a": "nan", "b": "inf", "c": "-inf"}


def test_times_are_those_of_the_engine(engine: Engine, write_queue: WriteQueue, claim: Claim) -> None:
    write_queue.points(1, 1234567890.5, {"train/loss": 3.0})
    assert write_queue.flush()
    with read(engine) as session:
        (point,) = metrics.after(session, claim.job_id, 0, None, 10)
        job = session.scalars(select(Job).where(Job.id == claim.job_id)).one()
    assert point.time == 1234567890.5
    assert job.step == 1


@pytest.mark.parametrize("waited", [0.0, 0.05])
def test_the_queue_returns_the_time_of_its_next_write(
    engine: Engine, claim: Claim, monkeypatch: pytest.MonkeyPatch, waited: float
) -> None:
    monkeypatch.setattr(module, "_BATCH_SECONDS", 1000.0)
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    write_queue = WriteQueue(engine, claim.job_id, claim.attempt)
    assert write_queue.due_in() is None
    write_queue.add(lambda _: None)
    assert write_queue.due_in() == 0.0, "the first goes out at once"
    assert write_queue.flush()
    write_queue.add(lambda _: None)
    clock[0] += waited
    due: Any = write_queue.due_in()
    assert due == pytest.approx(1000.0 - waited)
    assert not write_queue.flush(), "those that follow closely share a transaction"
    clock[0] += due
    assert write_queue.flush()
