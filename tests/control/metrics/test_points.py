"""Points: unique by job, name and step, read back in the order of writing."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

from sqlalchemy import Engine, func, select

from control.db import WriteSession, read, write
from control.jobs import service as jobs
from control.jobs.service import Point
from control.metrics import service as metrics
from control.metrics.models import MetricName, MetricPoint
from control.metrics.repository import name_ids
from tests.factories import make_running, make_worker

START = datetime(2026, 1, 1, tzinfo=UTC)


def _points(steps: range, factor: float = 1.0, name: str = "train/loss") -> list[Point]:
    return [Point(name, step, factor * step, START + timedelta(seconds=step)) for step in steps]


def test_points_come_back_as_they_were(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, _points(range(1, 4), 0.1))
    found = metrics.points_since(session, job.id, 0)
    assert [(p.name, p.step, p.value, p.attempt) for p in found] == [
        ("train/loss", step, 0.1 * step, 1) for step in (1, 2, 3)
    ]
    assert [p.time for p in found] == [START.timestamp() + step for step in (1, 2, 3)]
    assert [p.seq for p in found] == sorted(p.seq for p in found)


def test_a_resumed_attempt_overwrites_points_and_readers_get_them_again(session: WriteSession) -> None:
    job, claim = make_running(session)
    seen = jobs.record_points(session, job.id, claim.attempt, _points(range(1, 11)))
    jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert jobs.claim(session, make_worker(session))
    jobs.record_points(session, job.id, 2, _points(range(8, 13), 2.0))
    count = session.scalar(select(func.count()).where(MetricPoint.job_id == job.id))
    assert count == 12, "no step twice"
    fresh = metrics.points_since(session, job.id, seen)
    assert [(p.step, p.value, p.attempt) for p in fresh] == [(n, 2.0 * n, 2) for n in range(8, 13)]
    everything = metrics.points_since(session, job.id, 0)
    assert [p.step for p in everything] == list(range(1, 13))


def test_of_duplicates_in_one_batch_the_last_counts(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, [Point("a", 1, 1.0, START), Point("a", 1, 2.0, START)])
    assert [p.value for p in metrics.points_since(session, job.id, 0)] == [2.0]


def test_writing_the_same_batch_twice_has_the_effect_of_once(session: WriteSession) -> None:
    job, claim = make_running(session)
    for _ in range(2):
        jobs.record_points(session, job.id, claim.attempt, _points(range(1, 4)))
    assert [p.step for p in metrics.points_since(session, job.id, 0)] == [1, 2, 3]


def test_reading_page_by_page_skips_nothing(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(
        session, job.id, claim.attempt, [*_points(range(1, 26)), *_points(range(1, 26), 2, "eval/loss")]
    )
    cursor, more, got = 0, True, []
    while more:
        page = metrics.since(session, job.id, cursor, limit=7)
        got += [(name, step) for name, column in page.series.items() for step in column.steps]
        cursor, more = page.next, page.has_more
    assert len(got) == len(set(got)) == 50
    end = metrics.since(session, job.id, cursor)
    assert (end.series, end.next, end.has_more) == ({}, cursor, False)


def test_points_can_be_filtered_by_name(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, [*_points(range(1, 3)), *_points(range(1, 3), 1, "b")])
    assert set(metrics.since(session, job.id, 0, names=["b", "unknown"]).series) == {"b"}
    assert set(metrics.bucketed(session, job.id, names=["b"]).series) == {"b"}


def test_points_of_another_job_are_not_read(session: WriteSession) -> None:
    first, claim = make_running(session)
    second, _ = make_running(session)
    jobs.record_points(session, first.id, claim.attempt, _points(range(1, 3)))
    assert metrics.since(session, second.id, 0).series == {}
    assert metrics.bucketed(session, second.id).series == {}


def test_values_that_are_not_finite_are_kept(session: WriteSession) -> None:
    job, claim = make_running(session)
    odd = [math.nan, math.inf, -math.inf, 1.0]
    points = [Point("train/loss", step, value, START) for step, value in enumerate(odd, 1)]
    jobs.record_points(session, job.id, claim.attempt, points)
    for answer in (metrics.since(session, job.id, 0), metrics.bucketed(session, job.id)):
        column = answer.series["train/loss"]
        assert column.values == [None, None, None, 1.0]
        assert column.not_finite == {"1": "nan", "2": "inf", "3": "-inf"}
        assert column.min is None
    stored = metrics.points_since(session, job.id, 0)
    assert math.isnan(stored[0].value)


def test_a_name_added_concurrently_is_stored_once(engine: Engine) -> None:
    names = {f"metric/{n}" for n in range(20)}
    barrier = Barrier(4)

    def add(_: int) -> dict[str, int]:
        with write(engine) as session:
            barrier.wait()
            return name_ids(session, names)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(add, range(4)))
    assert results[0].keys() == names
    assert all(result == results[0] for result in results)
    with read(engine) as session:
        assert session.scalar(select(func.count()).select_from(MetricName)) == 20


def test_a_known_name_takes_no_new_id(session: WriteSession) -> None:
    first = name_ids(session, {"a"})["a"]
    for _ in range(5):
        name_ids(session, {"a"})
    assert name_ids(session, {"a", "b"})["b"] == first + 1
