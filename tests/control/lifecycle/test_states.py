"""The table of state transitions, and the one function that performs them."""

import itertools

import pytest

from control.db import WriteSession
from control.lifecycle.models import Attempt, Event
from control.lifecycle.schemas import State
from control.lifecycle.states import STATES, TERMINAL, allowed
from control.lifecycle.transitions import FailureRecord, InvalidTransition, transition
from tests.factories import make_in_state, make_worker

ALLOWED = {
    ("queued", "running"),
    ("queued", "paused"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "paused"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("paused", "queued"),
    ("paused", "cancelled"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}
PAIRS = list(itertools.product(STATES, STATES))


def _move(session: WriteSession, before: State, after: State):
    job = make_in_state(session, before)
    transition(
        session,
        job,
        after,
        code="resumed",
        worker_id=make_worker(session),
        outcome="tested",
        failure=FailureRecord("test", "Test."),
    )
    session.flush()
    return job


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_table_of_transitions_is_complete(before: State, after: State) -> None:
    assert allowed(before, after) == ((before, after) in ALLOWED)


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_what_is_allowed_is_performed(session: WriteSession, before: State, after: State) -> None:
    job = _move(session, before, after)
    assert job.state == after
    assert (job.lease_until is not None) == (after == "running")
    assert (job.worker_id is not None) == (after == "running")
    assert (job.finished_at is not None) == (after in TERMINAL)
    assert (job.failure is not None) == (after == "failed")
    assert job.intent is None
    event = session.query(Event).filter_by(job_id=job.id).order_by(Event.id.desc()).first()
    assert event
    assert (event.type, event.data) == ("resumed", {"from": before, "to": after})
    if before == "running":
        attempt = session.get_one(Attempt, (job.id, job.attempt))
        assert attempt.outcome == "tested"
        assert attempt.ended_at is not None


@pytest.mark.parametrize(("before", "after"), sorted(set(PAIRS) - ALLOWED))
def test_what_is_not_allowed_changes_nothing(session: WriteSession, before: State, after: State) -> None:
    job = make_in_state(session, before)
    events = session.query(Event).filter_by(job_id=job.id).count()
    with pytest.raises(InvalidTransition):
        transition(session, job, after, code="resumed")
    assert not session.dirty
    assert job.state == before
    assert session.query(Event).filter_by(job_id=job.id).count() == events


def test_entering_running_counts_an_attempt(session: WriteSession) -> None:
    job = _move(session, "queued", "running")
    assert job.attempt == 1
    assert session.get_one(Attempt, (job.id, 1)).worker_id == job.worker_id
