"""Requests on a job (pause, cancel, resume, retry), in every state."""

import pytest
from sqlalchemy import Engine

from control.broker import broker
from control.datasets.models import Dataset
from control.db import WriteSession, write
from control.errors import Conflict, NotFound
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.lifecycle.schemas import State
from control.lifecycle.states import STATES
from tests.factories import make_in_state, make_project, make_running, make_worker

REFUSED = "refused"
EFFECTS = {
    "cancel": {
        "queued": "cancelled",
        "running": "running",
        "paused": "cancelled",
        "succeeded": REFUSED,
        "failed": REFUSED,
        "cancelled": "cancelled",
    },
    "pause": {
        "queued": "paused",
        "running": "running",
        "paused": "paused",
        "succeeded": REFUSED,
        "failed": REFUSED,
        "cancelled": REFUSED,
    },
    "resume": dict.fromkeys(STATES, REFUSED) | {"paused": "queued"},
    "retry": dict.fromkeys(STATES, REFUSED) | {"failed": "queued", "cancelled": "queued"},
}


def _ask(session: WriteSession, job: Job, verb: str) -> Job:
    if verb in {"cancel", "pause"}:
        return jobs.request(session, job.project_id, job.id, verb)  # type: ignore[arg-type]
    return {"resume": jobs.resume, "retry": jobs.retry}[verb](session, job.project_id, job.id)


@pytest.mark.parametrize(("verb", "state"), [(verb, state) for verb in EFFECTS for state in STATES])
def test_every_verb_in_every_state(session: WriteSession, verb: str, state: State) -> None:
    job = make_in_state(session, state)
    events = len(jobs.events(session, job.id))
    after = EFFECTS[verb][state]
    if after == REFUSED:
        with pytest.raises(Conflict, match=f"{job.id} is {state}") as caught:
            _ask(session, job, verb)
        assert caught.value.code == "invalid_transition"
        assert job.state == state
    else:
        assert _ask(session, job, verb) is job
        assert job.state == after
        assert job.intent == (verb if state == "running" else None)
    unchanged = after == REFUSED or (after == state and state != "running")
    assert len(jobs.events(session, job.id)) == events + (0 if unchanged else 1)


@pytest.mark.parametrize("verb", EFFECTS)
def test_a_job_of_another_project_is_not_found(session: WriteSession, verb: str) -> None:
    job = make_in_state(session, "queued")
    session.expunge(job)
    job.project_id = make_project(session)
    with pytest.raises(NotFound) as caught:
        _ask(session, job, verb)
    assert caught.value.code == "job_not_found"


def test_a_repeated_request_changes_nothing(session: WriteSession) -> None:
    job, _ = make_running(session)
    _ask(session, job, "cancel")
    events = len(jobs.events(session, job.id))
    _ask(session, job, "cancel")
    assert len(jobs.events(session, job.id)) == events


def test_a_cancel_overrides_a_pause_and_not_the_other_way(session: WriteSession) -> None:
    job, _ = make_running(session)
    _ask(session, job, "pause")
    _ask(session, job, "cancel")
    assert job.intent == "cancel"
    with pytest.raises(Conflict, match="is being cancelled"):
        _ask(session, job, "pause")
    assert job.intent == "cancel"


def test_a_pause_overrides_a_preemption(session: WriteSession) -> None:
    job, _ = make_running(session)
    job.intent = "preempt"
    _ask(session, job, "pause")
    assert job.intent == "pause"


def test_a_pause_can_be_withdrawn(session: WriteSession) -> None:
    job, claim = make_running(session)
    _ask(session, job, "pause")
    _ask(session, job, "resume")
    assert job.intent is None
    jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert job.state == "queued", "the engine had stopped already, so the job goes on later"


def test_a_resumed_job_runs_again(session: WriteSession) -> None:
    job = make_in_state(session, "paused")
    _ask(session, job, "resume")
    claim = jobs.claim(session, make_worker(session))
    assert claim
    assert (claim.job_id, claim.attempt) == (job.id, 2)


@pytest.mark.parametrize(
    ("state", "verb"), [("paused", "resume"), ("failed", "retry"), ("cancelled", "retry")]
)
def test_a_job_that_returns_to_the_queue_sends_a_wake_up_message(
    engine: Engine, state: State, verb: str
) -> None:
    with write(engine) as session:
        job_id = make_in_state(session, state).id
    broker().live.flushall()
    with write(engine) as session:
        _ask(session, session.get_one(Job, job_id), verb)
    assert broker().backlog("cpu") == 1


def test_a_retry_restores_the_full_retry_limit(session: WriteSession) -> None:
    job = make_in_state(session, "failed")
    job.retries_used = 3
    _ask(session, job, "retry")
    assert (job.retries_used, job.failure, job.finished_at) == (0, None, None)


def test_a_job_whose_dataset_was_deleted_cannot_run_again(session: WriteSession) -> None:
    job = make_in_state(session, "cancelled")
    session.get_one(Dataset, job.dataset_id).state = "deleted"
    session.flush()
    with pytest.raises(NotFound, match="was deleted") as caught:
        _ask(session, job, "retry")
    assert caught.value.code == "dataset_not_found"
    assert job.state == "cancelled"
