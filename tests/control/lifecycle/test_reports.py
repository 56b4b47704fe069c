"""Reports of a running attempt, and how they are read."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from control.db import WriteSession
from control.errors import NotFound
from control.jobs import service as jobs
from control.jobs.service import Point
from control.lifecycle.event_codes import nested
from control.lifecycle.models import Attempt
from control.metrics.models import MetricPoint
from tests.factories import make_job, make_running, make_worker

START = datetime(2026, 1, 1, tzinfo=UTC)


def _points(*steps: int, pace: float = 2.0, name: str = "train/loss") -> list[Point]:
    return [Point(name, step, 1 / step, START + timedelta(seconds=pace * step)) for step in steps]


def test_points_update_step_and_latest_values(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, _points(1, 10))
    out = jobs.job_out(session, job)
    assert (out.progress.step, out.progress.fraction) == (10, 0.1)
    assert out.latest == {"train/loss": 0.1}
    assert out.progress.eta_seconds is None, "one batch says nothing of the pace"
    jobs.record_points(session, job.id, claim.attempt, _points(20))
    assert jobs.job_out(session, job).progress.eta_seconds == pytest.approx(80 * 2.0)


def test_the_eta_follows_a_change_of_speed(session: WriteSession) -> None:
    job, claim = make_running(session, training={"steps": 1000, "batch_size": 8, "sequence_length": 64})
    for step in range(1, 51):
        jobs.record_points(session, job.id, claim.attempt, _points(step, pace=1.0))
    slow = START + timedelta(seconds=50)
    for step in range(51, 91):
        slow += timedelta(seconds=5)
        jobs.record_points(session, job.id, claim.attempt, [Point("train/loss", step, 1.0, slow)])
    assert job.seconds_per_step == pytest.approx(5.0, rel=0.01)


def test_a_resumed_attempt_counts_steps_from_its_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, _points(10, 50))
    jobs.record_points(session, job.id, claim.attempt, _points(60))
    jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert job.step == 60
    assert jobs.claim(session, make_worker(session))
    jobs.engine_started(session, job.id, 2, {"device": "cpu", "device_name": "Xeon", "resumed_from_step": 40})
    assert job.step == 40
    assert jobs.events(session, job.id)[-1].message == "The engine runs on Xeon, from step 40 on."
    attempt = session.get_one(Attempt, (job.id, 2))
    assert attempt.start_step == 40
    assert attempt.engine["device_name"] == "Xeon"
    jobs.record_points(session, job.id, 2, _points(50, pace=7))
    assert jobs.job_out(session, job).progress.eta_seconds is None, "the other attempt's pace does not count"


def test_a_value_that_is_not_finite_is_named_as_such(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, [Point("train/loss", 1, math.nan, START)])
    assert jobs.job_out(session, job).latest == {"train/loss": None}


def test_latest_has_the_newest_value_of_each_metric(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, [*_points(2, 1), *_points(1, name="eval/loss")])
    jobs.record_points(session, job.id, claim.attempt, _points(4))
    assert jobs.job_out(session, job).latest == {"train/loss": 0.25, "eval/loss": 1.0}


def test_of_duplicate_points_in_a_batch_the_last_counts(session: WriteSession) -> None:
    job, claim = make_running(session)
    points = [Point("train/loss", 1, value, START) for value in (2.0, 1.0)]
    jobs.record_points(session, job.id, claim.attempt, points)
    assert jobs.job_out(session, job).latest == {"train/loss": 1.0}
    stored = session.execute(select(MetricPoint.step, MetricPoint.value)).all()
    assert [tuple(row) for row in stored] == [(1, 1.0)]


def test_a_point_of_an_earlier_step_does_not_move_the_job_back(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_points(session, job.id, claim.attempt, _points(20))
    jobs.record_points(session, job.id, claim.attempt, _points(10, name="eval/loss"))
    assert jobs.job_out(session, job).progress.step == 20


def test_a_change_before_points_in_the_same_transaction_is_kept(session: WriteSession) -> None:
    job, claim = make_running(session)
    job.name = "renamed"
    jobs.record_points(session, job.id, claim.attempt, _points(1))
    assert (job.name, job.step) == ("renamed", 1)


def test_an_empty_list_of_points_writes_nothing(session: WriteSession) -> None:
    job, claim = make_running(session)
    assert jobs.record_points(session, job.id, claim.attempt, []) == 0


def test_the_log_tail_is_kept_for_each_attempt(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.record_log_tail(session, job.id, claim.attempt, "one\n\x00two", total_bytes=900)
    log = jobs.log_tail(session, job)
    assert (log.attempt, log.text, log.bytes, log.complete) == (
        1,
        "one\n\N{REPLACEMENT CHARACTER}two",
        900,
        False,
    )
    jobs.record_log_tail(session, job.id, claim.attempt, "end", total_bytes=950, object_key="jobs/x/log")
    jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert jobs.claim(session, make_worker(session))
    assert jobs.log_tail(session, job).text == ""
    first = jobs.log_tail(session, job, 1)
    assert (first.text, first.complete) == ("end", True)
    with pytest.raises(NotFound, match="has had 2 attempts"):
        jobs.log_tail(session, job, 3)


def test_a_job_that_never_ran_has_an_empty_log(session: WriteSession) -> None:
    log = jobs.log_tail(session, make_job(session))
    assert (log.attempt, log.text, log.bytes) == (0, "", 0)


def test_events_are_read_from_a_cursor_on(session: WriteSession) -> None:
    job, claim = make_running(session)
    seen = jobs.events(session, job.id)
    assert [event.type for event in seen] == ["queued", "claimed"]
    written = jobs.record_event(
        session,
        job.id,
        claim.attempt,
        "engine_warning",
        {"warning": nested("hot", "Hot.")},
        data={"celsius": 90},
    )
    fresh = jobs.events(session, job.id, after=seen[-1].id)
    assert [event.id for event in fresh] == [written.id]
    out = jobs.event_out(fresh[0])
    assert (out.job, out.attempt, out.type, out.data) == (job.id, 1, "warning", {"celsius": 90})


def test_a_list_shows_the_projects_jobs_newest_first_and_filtered(session: WriteSession) -> None:
    job, _ = make_running(session, name="Python docs")
    project = job.project_id
    second = make_job(session, project, name="pydocs 100%", dataset=job.dataset_id)
    third = make_job(session, project, name="other")
    make_job(session)
    ids = lambda **filters: [row.id for row in jobs.list_jobs(session, project, **filters).rows]  # noqa: E731
    assert ids() == sorted([job.id, second.id, third.id], reverse=True)
    assert set(ids(name="DOCS")) == {job.id, second.id}
    assert ids(name="0%") == [second.id]
    assert ids(states=["running", "failed"]) == [job.id]
    assert set(ids(dataset_id=job.dataset_id)) == {job.id, second.id}
    page = jobs.list_jobs(session, project, limit=2)
    rest = jobs.list_jobs(session, project, limit=2, cursor=page.next)
    assert [row.id for row in [*page.rows, *rest.rows]] == ids()
    assert rest.next is None
