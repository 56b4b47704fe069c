"""How an attempt ends, and the state of its job that follows."""

import pytest

from control.db import WriteSession
from control.jobs import service as jobs
from control.jobs.service import Completed, Failed, Paused, Result, Stopped
from control.lifecycle.models import Attempt, Event
from tests.factories import make_running

CRASH = Failed("engine_died", "The engine was killed by signal 9.", retryable=True, exit_code=-9)
NAN = Failed(
    "non_finite_loss",
    "The loss is NaN.",
    "Lower the learning rate.",
    {"step": 7},
    retryable=False,
    exit_code=66,
)


@pytest.mark.parametrize(
    ("intent", "result", "state", "outcome", "event"),
    [
        (None, Completed(), "succeeded", "completed", "succeeded"),
        ("pause", Completed(), "succeeded", "completed", "succeeded"),
        ("cancel", Completed(), "succeeded", "completed", "succeeded"),
        ("preempt", Completed(), "succeeded", "completed", "succeeded"),
        (None, Stopped(75), "queued", "worker_stopped", "worker_stopped"),
        ("pause", Stopped(75), "paused", "paused", "paused"),
        ("cancel", Stopped(75), "cancelled", "cancelled", "cancelled"),
        ("preempt", Stopped(75), "queued", "preempted", "preempted"),
        (None, Paused("collapsed", 76), "paused", "paused", "paused"),
        ("pause", Paused("collapsed", 76), "paused", "paused", "paused"),
        ("cancel", Paused("collapsed", 76), "cancelled", "cancelled", "cancelled"),
        ("preempt", Paused("collapsed", 76), "paused", "paused", "paused"),
        (None, CRASH, "queued", "crashed", "retrying"),
        ("pause", CRASH, "paused", "crashed", "paused"),
        ("cancel", CRASH, "cancelled", "crashed", "cancelled"),
        ("preempt", CRASH, "queued", "crashed", "retrying"),
        (None, NAN, "failed", "failed", "failed"),
        ("pause", NAN, "failed", "failed", "failed"),
        ("cancel", NAN, "cancelled", "failed", "cancelled"),
        ("preempt", NAN, "failed", "failed", "failed"),
    ],
)
def test_each_outcome_under_each_intent_gives_the_expected_state(
    session: WriteSession, intent: str | None, result: Result, state: str, outcome: str, event: str
) -> None:
    job, claim = make_running(session)
    job.intent = intent
    session.flush()
    jobs.finish(session, job.id, claim.attempt, result)
    assert job.state == state
    assert job.intent is None
    attempt = session.get_one(Attempt, (job.id, 1))
    assert (attempt.outcome, attempt.exit_code) == (outcome, result.exit_code)
    assert jobs.events(session, job.id)[-1].type == event
    assert job.retries_used == (1 if event == "retrying" else 0)


def test_a_completed_job_is_at_its_last_step(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.finish(session, job.id, claim.attempt, Completed())
    assert job.step == job.steps == 100


def test_a_stop_that_came_too_late_is_recorded(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.request(session, job.project_id, job.id, "cancel")
    jobs.finish(session, job.id, claim.attempt, Completed())
    assert "before the job could be stopped to cancel it" in jobs.events(session, job.id)[-1].message


def test_a_failure_keeps_its_reason(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.finish(session, job.id, claim.attempt, NAN)
    out = jobs.job_out(session, job)
    assert out.failure
    assert out.failure.model_dump() == {
        "code": "non_finite_loss",
        "message": "The loss is NaN.",
        "hint": "Lower the learning rate.",
        "details": {"step": 7},
    }


def test_crashes_count_towards_the_retry_limit(session: WriteSession) -> None:
    job, claim = make_running(session, resources={"max_retries": 1})
    worker = job.worker_id
    assert worker
    jobs.finish(session, job.id, claim.attempt, CRASH)
    assert jobs.claim(session, worker)
    jobs.finish(session, job.id, 2, CRASH)
    assert job.state == "failed"
    assert job.failure
    assert job.failure["message"] == "The engine was killed by signal 9. All 1 retries are used up."


def test_requested_stops_do_not_count_towards_the_retry_limit(session: WriteSession) -> None:
    job, claim = make_running(session, resources={"max_retries": 0})
    worker = job.worker_id
    assert worker
    for attempt in range(1, 5):
        jobs.finish(session, job.id, attempt, Stopped(75))
        assert job.state == "queued"
        assert jobs.claim(session, worker)
    assert (job.attempt, job.retries_used) == (5, 0)
    assert claim.attempt == 1


def test_a_job_that_was_stopped_early_has_as_many_steps_as_it_did(session: WriteSession) -> None:
    job, claim = make_running(session)
    planned = job.steps
    jobs.finish(session, job.id, claim.attempt, Completed(step=30))
    assert (job.state, job.step, job.steps) == ("succeeded", 30, 30)
    event = session.query(Event).filter_by(job_id=job.id, type="succeeded").one()
    assert event.code == "stopped_early"
    assert event.params == {"step": 30, "steps": planned}
    assert f"after 30 of {planned} steps" in event.message
