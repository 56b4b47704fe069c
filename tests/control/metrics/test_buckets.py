"""Long series in few points: no spike is hidden, and the last point is always there."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.db import WriteSession
from control.jobs import service as jobs
from control.jobs.service import Point
from control.metrics import service as metrics
from tests.factories import make_running

START = datetime(2026, 1, 1, tzinfo=UTC)
_values = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


@pytest.fixture
def job_id(session: WriteSession) -> str:
    return make_running(session)[0].id


def _write(session: WriteSession, job_id: str, series: dict[int, float]) -> None:
    points = [Point("m", step, value, START + timedelta(seconds=step)) for step, value in series.items()]
    jobs.record_points(session, job_id, 1, points)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    series=st.dictionaries(st.integers(0, 10**6), _values, min_size=1, max_size=60),
    max_points=st.integers(1, 20),
)
def test_buckets_keep_the_extremes_and_the_end(
    session: WriteSession, job_id: str, series: dict[int, float], max_points: int
) -> None:
    with session.begin_nested() as savepoint:
        _write(session, job_id, series)
        column = metrics.bucketed(session, job_id, max_points=max_points).series["m"]
        savepoint.rollback()
    session.expire_all()
    finite = {step: value for step, value in series.items() if math.isfinite(value)}
    last = max(series)
    assert len(column.steps) <= max_points or len(series) <= max_points
    assert column.steps == sorted(column.steps)
    assert column.steps[-1] == last
    assert column.values[-1] == (series[last] if last in finite else None)
    for step, value, time in zip(column.steps, column.values, column.times, strict=True):
        assert value == finite.get(step)
        assert time == START.timestamp() + step
    assert set(column.not_finite) <= {str(step) for step in series.keys() - finite.keys()}
    assert bool(column.not_finite) == (finite.keys() != series.keys())
    if len(series) <= max_points:
        assert (column.min, column.max) == (None, None)
        assert dict(zip(column.steps, column.values, strict=True)) == {s: finite.get(s) for s in series}
        return
    if column.min is None or column.max is None:
        assert len(column.steps) == len(series), "each bucket held one point"
        return
    bounds = [-1, *column.steps]
    for (low, high), least, greatest in zip(pairwise(bounds), column.min, column.max, strict=True):
        inside = [value for step, value in finite.items() if low < step <= high]
        assert (least, greatest) == ((min(inside), max(inside)) if inside else (None, None))


def test_a_short_series_is_not_bucketed(session: WriteSession, job_id: str) -> None:
    _write(session, job_id, {step: float(step) for step in range(1, 6)})
    column = metrics.bucketed(session, job_id, max_points=5).series["m"]
    assert (column.steps, column.values) == ([1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert column.min is None


def test_a_shorter_range_has_a_higher_resolution(session: WriteSession, job_id: str) -> None:
    _write(session, job_id, {step: float(step) for step in range(1, 1001)})
    far = metrics.bucketed(session, job_id, max_points=10).series["m"]
    assert far.steps == list(range(100, 1001, 100))
    near = metrics.bucketed(session, job_id, max_points=10, from_step=500, to_step=509).series["m"]
    assert near.steps == list(range(500, 510))
    assert near.min is None


def test_each_metric_is_bucketed_by_itself(session: WriteSession, job_id: str) -> None:
    _write(session, job_id, {step: float(step) for step in range(1, 101)})
    jobs.record_points(session, job_id, 1, [Point("eval", 50, 5.0, START), Point("eval", 100, 4.0, START)])
    series = metrics.bucketed(session, job_id, max_points=10).series
    assert len(series["m"].steps) == 10
    assert (series["eval"].steps, series["eval"].values, series["eval"].min) == ([50, 100], [5.0, 4.0], None)


def test_the_cursor_continues_after_the_series(session: WriteSession, job_id: str) -> None:
    _write(session, job_id, {1: 1.0, 2: 2.0})
    cursor = metrics.bucketed(session, job_id).next
    assert metrics.since(session, job_id, cursor).series == {}
    _write(session, job_id, {3: 3.0})
    assert metrics.since(session, job_id, cursor).series["m"].steps == [3]


def test_steps_of_any_size_do_not_overflow(session: WriteSession, job_id: str) -> None:
    points = [Point("m", step, value, START) for step, value in [(0, 1.0), (5, 9.0), (2**62, 2.0)]]
    jobs.record_points(session, job_id, 1, points)
    column = metrics.bucketed(session, job_id, max_points=2).series["m"]
    assert column.steps == [5, 2**62]
    assert column.max == [9.0, 2.0]
