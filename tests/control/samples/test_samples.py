"""Samples of a run: unique by name and step, fenced, bounded, and in the live stream."""

from typing import Any

import pytest
from sqlalchemy import Engine

from control.broker import Broker, live_key
from control.db import WriteSession, read, write
from control.errors import NotFound
from control.jobs import service as jobs
from control.live.service import Cursor, changes
from control.samples import service as samples
from control.samples.models import Sample
from tests.factories import let_pass, make_project, make_running


def show(session: WriteSession, job_id: str, attempt: int = 1, **changes: Any) -> Sample:
    facts = {
        "step": 10,
        "name": "continuation",
        "media_type": "text/plain",
        "size": 5,
        "sha256": "a" * 64,
        "object_key": f"jobs/{job_id}/attempt-{attempt}/samples/step-10/continuation/content",
    }
    return samples.commit_sample(session, job_id, attempt, **(facts | changes))


def test_a_sample_is_listed_in_the_order_of_writing(session: WriteSession) -> None:
    job, _ = make_running(session)
    made = [show(session, job.id, step=step, name=name) for step in (10, 20) for name in ("a", "b")]
    assert [row.id for row in samples.list_of_job(session, job.id)] == [row.id for row in made]
    rest = samples.list_of_job(session, job.id, after=made[1].seq)
    assert [(row.step, row.name) for row in rest] == [(20, "a"), (20, "b")]
    assert [row.step for row in samples.list_of_job(session, job.id, name="b", limit=1)] == [10]
    told = [event for event in jobs.events(session, job.id) if event.type == "sample"]
    assert [event.data["sample"] for event in told] == [row.id for row in made]


def test_committing_the_same_sample_again_changes_nothing(session: WriteSession) -> None:
    job, _ = make_running(session)
    first = show(session, job.id)
    assert show(session, job.id).id == first.id
    assert len([event for event in jobs.events(session, job.id) if event.type == "sample"]) == 1


def test_a_sample_of_a_later_attempt_replaces_the_earlier_one_and_moves_to_the_end(
    session: WriteSession,
) -> None:
    job, _ = make_running(session)
    first, second = show(session, job.id), show(session, job.id, step=20)
    seen = second.seq
    anew = show(session, job.id, sha256="b" * 64, object_key="elsewhere")
    assert anew.id != first.id
    assert [(row.step, row.sha256[0]) for row in samples.list_of_job(session, job.id)] == [
        (20, "a"),
        (10, "b"),
    ]
    assert [row.id for row in samples.list_of_job(session, job.id, after=seen)] == [anew.id]
    with pytest.raises(NotFound, match="a later attempt"):
        samples.get(session, job.project_id, first.id)


def test_a_stale_attempt_commits_no_sample(session: WriteSession) -> None:
    job, _ = make_running(session)
    let_pass(session, 3600)
    jobs.finish(session, job.id, 1, jobs.Failed("engine_killed", "Killed.", retryable=True))
    with pytest.raises(jobs.LeaseLost):
        show(session, job.id)
    assert samples.list_of_job(session, job.id) == []


def test_another_project_sees_no_sample(session: WriteSession) -> None:
    job, _ = make_running(session)
    made = show(session, job.id)
    assert samples.get(session, job.project_id, made.id).id == made.id
    with pytest.raises(NotFound) as caught:
        samples.get(session, make_project(session), made.id)
    assert caught.value.code == "sample_not_found"


def test_above_the_limit_every_second_step_is_dropped(
    session: WriteSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST", 8)
    job, _ = make_running(session)
    for step in range(10, 130, 10):
        show(session, job.id, step=step)
    steps = sorted(row.step for row in samples.list_of_job(session, job.id))
    assert len(steps) <= 8
    assert steps[-1] == 120, "the newest is there"
    assert steps == [20, 40, 60, 80, 90, 100, 110, 120]


def test_a_sample_is_read_together_with_its_event(engine: Engine, test_broker: Broker) -> None:
    with write(engine) as session:
        job, _ = make_running(session)
    with read(engine) as session:
        before = changes(session, job.id, Cursor()).events[-1].id
    with write(engine) as session:
        made = show(session, job.id)
    with read(engine) as session:
        news = changes(session, job.id, Cursor(event=before))
    assert [event.data["sample"] for event in news.events] == [made.id]
    assert news.samples[made.id].name == "continuation"
    kinds = [fields["kind"] for _, fields in test_broker.live.xrange(live_key(job.id))]  # type: ignore[union-attr]
    assert set(kinds) == {"job"}
