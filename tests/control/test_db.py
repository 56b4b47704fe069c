"""Transactions: commit and rollback, and actions after the commit."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError

from control.broker import Broker, broker, live_key
from control.db import ReadSession, WriteSession, after_commit, normalized, read, write
from control.lifecycle.models import Job
from control.projects.models import Project
from control.settings import Settings, settings
from tests.factories import make_job, make_project


def _projects(engine: Engine) -> int:
    with read(engine) as session:
        return session.query(Project).count()


def test_actions_run_once_the_commit_is_visible_to_others(engine: Engine) -> None:
    seen: list[int] = []
    with write(engine) as session:
        make_project(session)
        after_commit(session, lambda: seen.append(_projects(engine)))
        after_commit(session, lambda: seen.append(-1))
        assert seen == []
    assert seen == [1, -1]


def test_no_action_runs_if_the_block_raises(engine: Engine) -> None:
    seen: list[int] = []

    def fail(session: WriteSession) -> None:
        make_project(session)
        after_commit(session, lambda: seen.append(1))
        raise LookupError

    with pytest.raises(LookupError), write(engine) as session:
        fail(session)
    assert (seen, _projects(engine)) == ([], 0)


def test_no_action_runs_if_the_commit_fails(engine: Engine) -> None:
    seen: list[int] = []

    def fail(session: WriteSession) -> None:
        session.execute(
            text("CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP")
        )
        session.execute(text("INSERT INTO t VALUES (1), (1)"))
        after_commit(session, lambda: seen.append(1))

    with pytest.raises(Exception, match="duplicate key"), write(engine) as session:
        fail(session)
    assert seen == []


def test_a_failing_action_is_logged_and_the_next_still_runs(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    with caplog.at_level(logging.WARNING), write(engine) as session:
        after_commit(session, lambda: 1 / 0)
        after_commit(session, lambda: seen.append(1))
    assert seen == [1]
    assert "an action after the commit failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_read_session_cannot_write_even_where_types_are_not_checked(engine: Engine) -> None:
    with read(engine) as session:
        session.add(Project(id="proj_x", name="x"))
        with pytest.raises(InternalError, match="read-only transaction"):
            session.flush()


def test_a_read_session_reads_one_snapshot(engine: Engine) -> None:
    with read(engine) as session:
        assert session.query(Project).count() == 0
        with write(engine) as other:
            make_project(other)
        assert session.query(Project).count() == 0
    assert _projects(engine) == 1


def test_only_a_write_session_locks(engine: Engine) -> None:
    assert not ReadSession.writes
    assert WriteSession.writes


def test_a_frozen_process_cannot_hold_its_locks_for_longer_than_a_lease(engine: Engine) -> None:
    with read(engine) as session:
        shown = session.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown == "20s"
    assert settings().lease_seconds > 20


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_spell_postgresql_means_psycopg(scheme: str) -> None:
    url = normalized(f"{scheme}://user:secret@host/name")
    assert url.drivername == "postgresql+psycopg"
    assert url.password == "secret"


def test_a_submit_wakes_workers_and_listeners_after_its_commit(engine: Engine) -> None:
    with write(engine) as session:
        job = make_job(session)
        assert broker().backlog("cpu") == 0
        assert broker().live.exists(live_key(job.id)) == 0
    assert broker().backlog("cpu") == 1
    kinds = [fields["kind"] for _, fields in broker().live.xrange(live_key(job.id))]  # type: ignore[union-attr]
    assert kinds == ["job"], "one message, whatever a transaction wrote"


def test_a_rolled_back_submit_sends_no_wake_up(engine: Engine) -> None:
    def fail(session: WriteSession) -> None:
        make_job(session)
        raise LookupError

    with pytest.raises(LookupError), write(engine) as session:
        fail(session)
    assert broker().backlog("cpu") == 0
    assert broker().live.keys("*") == []


@pytest.mark.parametrize("redis_url", ["unix://{path}/none.sock?db=0", "redis://127.0.0.1:1/0"])
def test_a_submit_succeeds_while_redis_is_down(
    engine: Engine,
    environment: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    redis_url: str,
) -> None:
    dead = Broker(environment.model_copy(update={"redis_url": redis_url.format(path=tmp_path)}))
    monkeypatch.setattr("control.workers.wakeups.broker", lambda: dead)
    monkeypatch.setattr("control.lifecycle.live_events.broker", lambda: dead)
    with caplog.at_level(logging.WARNING), write(engine) as session:
        job = make_job(session)
    with read(engine) as session:
        assert session.get_one(Job, job.id).state == "queued"
    assert caplog.text.count("an action after the commit failed") == 2
    dead.close()
