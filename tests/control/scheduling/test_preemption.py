"""Preemption for a job of higher priority, combined with other requests on the preempted job."""

from typing import Any

import pytest
from sqlalchemy import Engine

from control.broker import broker
from control.db import read, write
from control.jobs import service as jobs
from control.jobs.service import Claim
from control.lifecycle.models import Job
from control.maintenance import service as module
from control.maintenance.service import Maintenance
from control.settings import Settings
from control.storage import open_storage
from tests.factories import make_job, make_running


@pytest.fixture
def maintenance(engine: Engine, environment: Settings) -> Maintenance:
    return Maintenance(engine, broker(), open_storage(environment.storage_url), environment)


def running(engine: Engine, **resources: Any) -> tuple[str, str, Claim]:
    """A job on the only worker: its id, its project's, and its claim."""
    with write(engine) as session:
        job, claim = make_running(session, resources={"preemptible": True} | resources)
        return job.id, job.project_id, claim


def urgent(engine: Engine, **changes: Any) -> str:
    with write(engine) as session:
        return make_job(session, **({"priority": 5} | changes)).id


def intent(engine: Engine, job_id: str) -> str | None:
    with read(engine) as session:
        return session.get_one(Job, job_id).intent


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_preemption_does_not_replace_a_request_of_a_user(
    engine: Engine, maintenance: Maintenance, verb: Any
) -> None:
    victim, project, _ = running(engine)
    urgent(engine)
    with write(engine) as session:
        jobs.request(session, project, victim, verb)
    maintenance.dispatch()
    assert intent(engine, victim) == verb


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_preemption_does_not_replace_a_concurrent_request_of_a_user(
    engine: Engine, maintenance: Maintenance, verb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, project, claim = running(engine)
    urgent(engine)
    made = module.plan

    def plan_and_be_late(*arguments: Any) -> Any:
        found = made(*arguments)
        assert victim in found.preempt
        with write(engine) as session:
            jobs.request(session, project, victim, verb)
        return found

    monkeypatch.setattr(module, "plan", plan_and_be_late)
    maintenance.dispatch()
    assert intent(engine, victim) == verb
    with write(engine) as session:
        jobs.finish(session, victim, claim.attempt, jobs.Stopped(75))
        assert session.get_one(Job, victim).state == {"cancel": "cancelled", "pause": "paused"}[verb]
        assert "preempt_requested" not in [event.type for event in jobs.events(session, victim)]


def test_a_job_that_ends_meanwhile_is_not_preempted(
    engine: Engine, maintenance: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, _, claim = running(engine)
    urgent(engine)
    made = module.plan

    def plan_and_be_late(*arguments: Any) -> Any:
        found = made(*arguments)
        with write(engine) as session:
            jobs.finish(session, victim, claim.attempt, jobs.Completed())
        return found

    monkeypatch.setattr(module, "plan", plan_and_be_late)
    maintenance.dispatch()
    with read(engine) as session:
        job = session.get_one(Job, victim)
        assert (job.state, job.intent) == ("succeeded", None)


def test_a_cancel_after_the_preemption_takes_precedence(engine: Engine, maintenance: Maintenance) -> None:
    victim, project, claim = running(engine)
    urgent(engine)
    maintenance.dispatch()
    assert intent(engine, victim) == "preempt"
    with write(engine) as session:
        jobs.request(session, project, victim, "cancel")
        jobs.finish(session, victim, claim.attempt, jobs.Stopped(75))
        assert session.get_one(Job, victim).state == "cancelled"


def test_only_preemptible_jobs_are_preempted_and_only_for_higher_priority(
    engine: Engine, maintenance: Maintenance
) -> None:
    firm, _, _ = running(engine, preemptible=False)
    urgent(engine)
    maintenance.dispatch()
    assert intent(engine, firm) is None


def test_equal_priority_does_not_preempt(engine: Engine, maintenance: Maintenance) -> None:
    victim, _, _ = running(engine)
    urgent(engine, priority=0)
    maintenance.dispatch()
    assert intent(engine, victim) is None
