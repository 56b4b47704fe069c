"""The dashboard shows and deletes what uses storage, and shows which jobs stopped at a limit."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text

from control.checkpoints.repository import present
from control.db import WriteSession, create_engine, write
from control.lifecycle.models import Job
from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


def _over(service: Running, job: str) -> None:
    with service.client() as client:
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")


def _stopped(session: WriteSession, job_id: str, state: str, reason: str, told: dict[str, str]) -> None:
    """A job that a worker has stopped at a limit."""
    session.execute(
        text(
            f"UPDATE jobs SET state = :state, {reason} = CAST(:told AS jsonb), "
            "finished_at = CASE WHEN :state = 'failed' THEN finished_at END, "
            """spec = jsonb_set(spec, '{resources,max_seconds}', '0.001') WHERE id = :id"""
        ),
        {"state": state, "told": json.dumps(told), "id": job_id},
    )


@pytest.mark.parametrize("width", [1440, 375])
def test_a_checkpoint_and_a_job_are_deleted(
    scenario: Scenario, service: Running, submit: Callable[..., str], width: int
) -> None:
    names = ("gone", "paused", "late")
    job, paused, late = (submit(f"{name} at {width}", steps=12, checkpoint_every=4) for name in names)
    for one in (job, paused, late):
        _over(service, one)
    with service.client() as client:
        client.patch("/v1/quotas", json={"checkpoints": 20_000_000_000}).raise_for_status()
    engine = create_engine(service.environment["DATABASE_URL"])
    with write(engine) as session:
        _stopped(session, paused, "paused", "pause", {"code": "quota_exceeded", "message": "There is no room here."})
        _stopped(session, late, "failed", "failure", {"code": "time_limit", "message": "Its time is used up."})
    scenario(
        "deletion", width=width, job=job, paused=paused, late=late, theme="dark" if width == 375 else "light"
    )
    with write(engine) as session:
        assert session.get(Job, job) is None
        assert present(session, paused)
        again = session.get_one(Job, late)
        assert (again.failure, again.spec["resources"]["max_seconds"]) == (None, None)
    engine.dispose()
    _over(service, late)
