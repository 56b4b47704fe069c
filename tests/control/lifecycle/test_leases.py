"""Leases: renewal by heartbeats, expiry, and the state of the job afterwards."""

import pytest
from sqlalchemy import Engine, func, select

from control.broker import broker
from control.db import WriteSession, write
from control.jobs import service as jobs
from control.jobs.service import LeaseLost
from control.lifecycle.models import Attempt, Event, Job
from control.maintenance.service import Maintenance
from control.settings import Settings
from control.storage import open_storage
from tests.factories import let_pass, make_running, make_worker


@pytest.fixture
def maintenance(engine: Engine, environment: Settings) -> Maintenance:
    return Maintenance(engine, broker(), open_storage(environment.storage_url), environment)


def _left(session: WriteSession, job_id: str) -> float:
    """Seconds until the lease ends."""
    left = session.scalar(
        select(func.extract("epoch", Job.lease_until - func.clock_timestamp())).where(Job.id == job_id)
    )
    assert left is not None
    return float(left)


def test_a_heartbeat_renews_the_lease(session: WriteSession) -> None:
    job, claim = make_running(session)
    let_pass(session, 20)
    assert _left(session, job.id) < 11
    assert jobs.heartbeat(session, job.id, claim.attempt) is None
    assert 29 < _left(session, job.id) <= 30


def test_a_late_heartbeat_renews_a_lease_that_was_not_taken_back(session: WriteSession) -> None:
    job, claim = make_running(session)
    let_pass(session, 100)
    jobs.heartbeat(session, job.id, claim.attempt)
    assert _left(session, job.id) > 29


def test_a_heartbeat_stores_the_progress_and_returns_the_intent(session: WriteSession) -> None:
    job, claim = make_running(session)
    jobs.heartbeat(session, job.id, claim.attempt, phase="preparing", phase_fraction=0.25)
    session.refresh(job)
    assert (job.phase, job.phase_fraction) == ("preparing", 0.25)
    jobs.heartbeat(session, job.id, claim.attempt, phase="training", step=9)
    jobs.heartbeat(session, job.id, claim.attempt, step=5)
    session.refresh(job)
    assert (job.phase, job.phase_fraction, job.step) == ("training", None, 9)
    jobs.request(session, job.project_id, job.id, "pause")
    assert jobs.heartbeat(session, job.id, claim.attempt) == "pause"
    jobs.request(session, job.project_id, job.id, "cancel")
    assert jobs.heartbeat(session, job.id, claim.attempt) == "cancel"


def test_a_valid_lease_is_not_taken_back(engine: Engine, maintenance: Maintenance) -> None:
    with write(engine) as session:
        make_running(session)
        let_pass(session, 29)
    assert maintenance.expire_leases() == []


def test_an_expired_lease_requeues_the_job_and_fences_its_attempt(
    engine: Engine, maintenance: Maintenance
) -> None:
    with write(engine) as session:
        job, _ = make_running(session)
        let_pass(session, 31)
    assert maintenance.expire_leases() == [job.id]
    with write(engine) as session:
        row = session.get_one(Job, job.id)
        assert (row.state, row.attempt, row.retries_used) == ("queued", 1, 1)
        assert session.get_one(Attempt, (job.id, 1)).outcome == "lease_expired"
        last = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
        assert last.type == "retrying"
        assert "was not heard of for 30 s. Retry 1 of 3." in last.message
        with pytest.raises(LeaseLost, match="does not run any more"):
            jobs.heartbeat(session, job.id, 1)
        assert jobs.claim(session, make_worker(session))
        with pytest.raises(LeaseLost, match="newer attempt"):
            jobs.heartbeat(session, job.id, 1)
    assert maintenance.expire_leases() == []


def test_above_the_retry_limit_the_job_fails_with_the_reason(
    engine: Engine, maintenance: Maintenance
) -> None:
    with write(engine) as session:
        job, _ = make_running(session, resources={"max_retries": 2})
        worker = make_worker(session)
    for attempt in (1, 2, 3):
        with write(engine) as session:
            if attempt > 1:
                claim = jobs.claim(session, worker)
                assert claim
                assert claim.attempt == attempt
            let_pass(session, 31)
        assert maintenance.expire_leases() == [job.id]
    with write(engine) as session:
        row = session.get_one(Job, job.id)
        assert (row.state, row.attempt, row.retries_used) == ("failed", 3, 2)
        assert row.failure
        assert row.failure["code"] == "worker_lost"
        assert row.failure["message"].endswith("was not heard of for 30 s. All 2 retries are used up.")
        assert "continues from its last checkpoint" in row.failure["hint"]


@pytest.mark.parametrize(
    ("intent", "state", "retries"),
    [("cancel", "cancelled", 0), ("pause", "paused", 0), ("preempt", "queued", 1)],
)
def test_an_expired_lease_carries_out_a_pending_intent(
    engine: Engine, maintenance: Maintenance, intent: str, state: str, retries: int
) -> None:
    with write(engine) as session:
        job, _ = make_running(session)
        job.intent = intent
        let_pass(session, 31)
    maintenance.expire_leases()
    with write(engine) as session:
        row = session.get_one(Job, job.id)
        assert (row.state, row.retries_used) == (state, retries)


def test_a_job_whose_row_is_locked_is_left_for_the_next_round(
    engine: Engine, maintenance: Maintenance
) -> None:
    with write(engine) as session:
        job, claim = make_running(session)
        let_pass(session, 31)
    with write(engine) as session:
        jobs.heartbeat(session, job.id, claim.attempt)  # not committed yet
        assert maintenance.expire_leases() == []
    assert maintenance.expire_leases() == [], "the heartbeat came in time"


def test_a_new_leader_first_lets_supervisors_renew_their_leases(
    engine: Engine, environment: Settings
) -> None:
    now = [0.0]
    storage = open_storage(environment.storage_url)
    maintenance = Maintenance(engine, broker(), storage, environment, clock=lambda: now[0])
    with write(engine) as session:
        job, _ = make_running(session)
        let_pass(session, 31)
    assert maintenance.round()
    with write(engine) as session:
        assert session.get_one(Job, job.id).state == "running"
    now[0] = 2 * environment.heartbeat_seconds
    assert maintenance.round()
    maintenance.close()
    with write(engine) as session:
        assert session.get_one(Job, job.id).state == "queued"
