"""Every write of an attempt that lost its job raises, and changes nothing."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from control.db import WriteSession
from control.jobs import service as jobs
from control.jobs.service import LeaseLost, Point
from control.lifecycle.models import Job
from control.maintenance.service import lease_expired
from control.models import Base
from tests.factories import make_running, make_worker

Verb = Callable[[WriteSession, str, int], object]

VERBS: dict[str, Verb] = {
    "heartbeat": lambda s, job, n: jobs.heartbeat(s, job, n, phase="training", step=7),
    "engine_started": lambda s, job, n: jobs.engine_started(s, job, n, {"device": "cpu"}),
    "engine_prepared": lambda s, job, n: jobs.engine_prepared(
        s, job, n, {"cached": False, "parameters": 1, "steps": 9, "steps_per_epoch": 3.0}
    ),
    "record_points": lambda s, job, n: jobs.record_points(
        s, job, n, [Point("train/loss", 7, 0.5, datetime.now(UTC))]
    ),
    "commit_checkpoint": lambda s, job, n: jobs.commit_checkpoint(
        s, job, n, step=7, prefix="p", manifest={"files": []}, manifest_sha256="0", metrics={}
    ),
    "record_event": lambda s, job, n: jobs.record_event(s, job, n, "resumed"),
    "record_log_tail": lambda s, job, n: jobs.record_log_tail(s, job, n, "line", total_bytes=4),
    "finish completed": lambda s, job, n: jobs.finish(s, job, n, jobs.Completed()),
    "finish stopped": lambda s, job, n: jobs.finish(s, job, n, jobs.Stopped(75)),
    "finish failed": lambda s, job, n: jobs.finish(s, job, n, jobs.Failed("x", "X.", retryable=True)),
}


def _everything(session: WriteSession) -> dict[str, Any]:
    session.flush()
    return {
        table.name: sorted(map(repr, session.execute(text(f"SELECT * FROM {table.name}"))))
        for table in Base.metadata.sorted_tables
    }


def test_every_write_of_an_attempt_is_tested() -> None:
    fenced = {
        name
        for name in jobs.__all__
        if inspect.isfunction(verb := getattr(jobs, name))
        and list(inspect.signature(verb).parameters)[:3] == ["session", "job_id", "attempt"]
    }
    assert fenced == {name.split()[0] for name in VERBS}


@pytest.fixture
def stale(request: pytest.FixtureRequest, session: WriteSession) -> tuple[str, int, str]:
    """A job, the number of an attempt that does not hold it, and why not."""
    case = request.param
    if case == "unknown_job":
        return "job_unknown", 1, case
    job, claim = make_running(session)
    if case == "not_running":
        jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    elif case == "running_elsewhere":
        lease_expired(session, session.get_one(Job, job.id))
        assert jobs.claim(session, make_worker(session))
    elif case == "from the future":
        return job.id, 2, "running_elsewhere"
    return job.id, claim.attempt, case


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize(
    "stale", ["unknown_job", "not_running", "running_elsewhere", "from the future"], indirect=True
)
def test_a_stale_attempt_changes_nothing(
    session: WriteSession, verb: Verb, stale: tuple[str, int, str]
) -> None:
    job_id, attempt, reason = stale
    before = _everything(session)
    with pytest.raises(LeaseLost) as caught:
        verb(session, job_id, attempt)
    assert caught.value.reason == reason
    assert _everything(session) == before


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_the_attempt_that_holds_the_job_may_write(session: WriteSession, verb: Verb) -> None:
    job, claim = make_running(session)
    before = _everything(session)
    verb(session, job.id, claim.attempt)
    assert _everything(session) != before
