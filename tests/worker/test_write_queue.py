"""What a supervisor has to write: in order, nothing lost while the database is away, nothing written for a lost attempt."""

from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from control.db import WriteSession, read, write
from control.jobs.models import Job
from control.jobs.service import Claim, LeaseLost
from control.metrics import repository as metrics
from tests.factories import make_running
from worker import write_queue
from worker.write_queue import Reporter

AWAY = OperationalError("INSERT", {}, Exception("the server closed the connection unexpectedly"))


@pytest.fixture
def claim(engine: Engine) -> Claim:
    with write(engine) as session:
        return make_running(session)[1]


@pytest.fixture
def reporter(engine: Engine, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """One that writes at once and tries again at once."""
    monkeypatch.setattr(write_queue, "_BATCH_SECONDS", 0.0)
    monkeypatch.setattr(write_queue, "_BACK_OFF_SECONDS", (0.0,))
    return Reporter(engine, claim.job_id, claim.attempt)


def points(engine: Engine, job_id: str) -> list[tuple[int, float]]:
    with read(engine) as session:
        return [(point.step, point.value) for point in metrics.after(session, job_id, 0, None, 1000)]


def test_everything_is_written_in_the_order_in_which_it_was_told(
    engine: Engine, reporter: Reporter, claim: Claim
) -> None:
    seen: list[list[tuple[int, float]]] = []

    def look(session: WriteSession) -> None:
        seen.append([(p.step, p.value) for p in metrics.after(session, claim.job_id, 0, None, 1000)])

    reporter.points(1, 1000.0, {"train/loss": 3.0})
    reporter.points(2, 1001.0, {"train/loss": 2.0})
    reporter.add(look)
    reporter.points(3, 1002.0, {"train/loss": 1.0})
    reporter.add(look)
    assert not reporter.idle
    assert reporter.flush()
    assert reporter.idle
    assert seen == [[(1, 3.0), (2, 2.0)], [(1, 3.0), (2, 2.0), (3, 1.0)]]


def test_while_the_database_is_away_all_is_kept_with_what_comes_after_it(
    engine: Engine, reporter: Reporter, claim: Claim
) -> None:
    away = True

    def fails(_: WriteSession) -> None:
        if away:
            raise AWAY

    reporter.points(1, 1000.0, {"train/loss": 3.0})
    reporter.add(fails)
    assert not reporter.flush()
    assert reporter.failing
    reporter.points(2, 1001.0, {"train/loss": 2.0})
    assert not reporter.flush()
    assert points(engine, claim.job_id) == [], "a transaction is whole or not at all"
    away = False
    assert reporter.flush()
    assert not reporter.failing
    assert points(engine, claim.job_id) == [(1, 3.0), (2, 2.0)]


def test_what_is_told_while_a_batch_is_written_waits_for_the_next(
    engine: Engine, reporter: Reporter, claim: Claim
) -> None:
    reporter.add(lambda _: reporter.points(7, 1000.0, {"train/loss": 1.0}))
    assert not reporter.flush()
    assert not reporter.idle
    assert reporter.flush()
    assert points(engine, claim.job_id) == [(7, 1.0)]


def test_a_write_that_can_never_succeed_is_not_tried_again(reporter: Reporter) -> None:
    def wrong(session: WriteSession) -> None:
        session.execute(text("SELECT nonsense FROM nowhere"))

    reporter.add(wrong)
    with pytest.raises(ProgrammingError):
        reporter.flush()


def test_a_lost_attempt_writes_nothing(engine: Engine, claim: Claim, reporter: Reporter) -> None:
    with write(engine) as session:
        session.execute(text("UPDATE jobs SET attempt = attempt + 1"))
    reporter.points(1, 1000.0, {"train/loss": 3.0})
    with pytest.raises(LeaseLost):
        reporter.flush()
    assert points(engine, claim.job_id) == []


def test_numbers_that_json_does_not_have_arrive(engine: Engine, reporter: Reporter, claim: Claim) -> None:
    reporter.points(1, 1000.0, {"a": "nan", "b": "inf", "c": "-inf"})
    assert reporter.flush()
    with read(engine) as session:
        found = {p.name: repr(p.value) for p in metrics.after(session, claim.job_id, 0, None, 10)}
    assert found == {"a": "nan", "b": "inf", "c": "-inf"}


def test_the_moments_are_the_engines(engine: Engine, reporter: Reporter, claim: Claim) -> None:
    reporter.points(1, 1234567890.5, {"train/loss": 3.0})
    assert reporter.flush()
    with read(engine) as session:
        (point,) = metrics.after(session, claim.job_id, 0, None, 10)
        job = session.scalars(select(Job).where(Job.id == claim.job_id)).one()
    assert point.time == 1234567890.5
    assert job.step == 1


@pytest.mark.parametrize("waited", [0.0, 0.05])
def test_it_says_when_it_is_due(
    engine: Engine, claim: Claim, monkeypatch: pytest.MonkeyPatch, waited: float
) -> None:
    monkeypatch.setattr(write_queue, "_BATCH_SECONDS", 1000.0)
    clock = [100.0]
    monkeypatch.setattr(write_queue.time, "monotonic", lambda: clock[0])
    reporter = Reporter(engine, claim.job_id, claim.attempt)
    assert reporter.due_in() is None
    reporter.add(lambda _: None)
    assert reporter.due_in() == 0.0, "the first goes out at once"
    assert reporter.flush()
    reporter.add(lambda _: None)
    clock[0] += waited
    due: Any = reporter.due_in()
    assert due == pytest.approx(1000.0 - waited)
    assert not reporter.flush(), "those that follow closely share a transaction"
    clock[0] += due
    assert reporter.flush()
