"""A new leader, on a clock that the test moves: missing heartbeats from before its start expire no lease."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from control.broker import broker
from control.db import read, write
from control.lifecycle.models import Job
from control.maintenance.service import Maintenance
from control.settings import Settings
from control.storage import open_storage
from tests.factories import let_pass, make_running


class Replica(Maintenance):
    """A replica whose clock the test moves."""

    now = 0.0


@pytest.fixture
def replica(engine: Engine, environment: Settings) -> Iterator[Replica]:
    storage = open_storage(environment.storage_url)
    made = Replica(engine, broker(), storage, environment, clock=lambda: made.now)
    yield made
    made.close()


@pytest.fixture
def silent(engine: Engine) -> str:
    """A running job whose lease has expired."""
    with write(engine) as session:
        job, _ = make_running(session)
        let_pass(session, 31)
    return job.id


def state(engine: Engine, job_id: str) -> str:
    with read(engine) as session:
        return session.get_one(Job, job_id).state


def test_the_first_round_of_a_leader_takes_back_no_job(
    engine: Engine, replica: Replica, environment: Settings, silent: str
) -> None:
    """The heartbeats may be missing because of a database outage, and return within the grace period."""
    grace = 2 * environment.heartbeat_seconds
    assert grace > 0
    assert replica.round()
    assert state(engine, silent) == "running"
    replica.now = grace - 0.001
    assert replica.round()
    assert state(engine, silent) == "running"
    replica.now = grace
    assert replica.round()
    assert state(engine, silent) == "queued"


def test_the_grace_period_restarts_after_a_database_outage(
    engine: Engine,
    replica: Replica,
    environment: Settings,
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grace = 2 * environment.heartbeat_seconds
    assert replica.round()
    replica.now = grace - 0.001
    with monkeypatch.context() as patch:

        def away() -> bool:
            raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))

        patch.setattr(replica._leadership, "hold", away)
        with pytest.raises(OperationalError):
            replica.round()
    replica.now = grace + 1
    assert replica.round()
    assert state(engine, silent) == "running", "supervisors have had no time to renew"
    replica.now = 2 * grace + 1
    assert replica.round()
    assert state(engine, silent) == "queued"


def test_the_grace_period_restarts_with_each_election(
    engine: Engine, replica: Replica, environment: Settings, silent: str
) -> None:
    grace = 2 * environment.heartbeat_seconds
    assert replica.round()
    other = Maintenance(
        engine, broker(), open_storage(environment.storage_url), environment, clock=lambda: 0.0
    )
    replica.close()
    assert other.round()
    replica.now = 10 * grace
    assert not replica.round(), "another leads"
    other.close()
    assert replica.round()
    assert state(engine, silent) == "running"


def test_a_lease_that_has_not_expired_is_never_taken_back(engine: Engine, replica: Replica) -> None:
    with write(engine) as session:
        job, _ = make_running(session)
        let_pass(session, 25)
    assert replica.round()
    replica.now = 1e6
    assert replica.round()
    assert state(engine, job.id) == "running"
