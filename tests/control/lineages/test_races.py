"""Planned lineages under concurrent transactions: a stage is submitted once, and none after a cancellation."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from control.broker import Broker
from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.lineages import repository, service
from control.lineages.advance import advance
from tests.control.lineages.test_lineages import Planned

PATIENCE = 60.0
"""Seconds for another transaction to arrive at a lock."""


@pytest.fixture
def lineage(engine: Engine, test_broker: Broker) -> tuple[str, str]:
    """The project and the id of a lineage whose first stage has succeeded."""
    with write(engine) as session:
        planned = Planned(session, 2)
        planned.finish()
        return planned.project, planned.row.id


def await_lock(engine: Engine, other: "Future[None]") -> None:
    """Wait until another transaction waits for a lock, or has ended without one."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    deadline = time.monotonic() + PATIENCE
    with engine.connect() as connection:
        while not other.done() and not connection.execute(waiting).scalar_one():
            assert time.monotonic() < deadline
            connection.rollback()


def cancel(engine: Engine, project: str, lineage_id: str) -> None:
    with write(engine) as session:
        service.cancel(session, project, lineage_id)


def states(engine: Engine) -> list[str]:
    with read(engine) as session:
        return [job.state for job in session.query(Job).order_by(Job.id)]


def test_a_second_leader_passes_over_a_lineage_that_is_being_advanced(
    engine: Engine, lineage: tuple[str, str]
) -> None:
    _, lineage_id = lineage
    with write(engine) as first:
        assert advance(first, lineage_id) is not None
        with write(engine) as second:
            assert advance(second, lineage_id) is None
    assert states(engine) == ["succeeded", "queued"]


def test_no_stage_is_submitted_beside_a_cancellation(engine: Engine, lineage: tuple[str, str]) -> None:
    project, lineage_id = lineage
    with write(engine) as cancelling:
        service.cancel(cancelling, project, lineage_id)
        with write(engine) as leader:
            assert advance(leader, lineage_id) is None
    with write(engine) as leader:
        assert advance(leader, lineage_id) is None
    assert states(engine) == ["succeeded"]


def test_a_cancellation_beside_the_leader_cancels_the_stage_that_it_submits(
    engine: Engine, lineage: tuple[str, str]
) -> None:
    project, lineage_id = lineage
    with ThreadPoolExecutor(1) as pool:
        with write(engine) as leader:
            assert advance(leader, lineage_id) is not None
            cancelling = pool.submit(cancel, engine, project, lineage_id)
            await_lock(engine, cancelling)
        cancelling.result()
    assert states(engine) == ["succeeded", "cancelled"]


def test_a_stage_that_ends_beside_a_cancellation_is_no_reason_to_refuse_it(
    engine: Engine, test_broker: Broker
) -> None:
    with write(engine) as session:
        planned = Planned(session, 2)
        claim = jobs.claim(session, planned.chain.worker)
        assert claim is not None
    with ThreadPoolExecutor(1) as pool:
        with write(engine) as worker:
            jobs.finish(worker, claim.job_id, claim.attempt, jobs.Completed())
            cancelling = pool.submit(cancel, engine, planned.project, planned.row.id)
            await_lock(engine, cancelling)
        cancelling.result()
    with write(engine) as leader:
        assert advance(leader, planned.row.id) is None
    assert states(engine) == ["succeeded"]


def test_a_stage_is_marked_once(engine: Engine, lineage: tuple[str, str]) -> None:
    _, lineage_id = lineage
    with write(engine) as session:
        job = advance(session, lineage_id)
        assert job is not None
        assert not repository.mark_submitted(session, lineage_id, 1, job)
