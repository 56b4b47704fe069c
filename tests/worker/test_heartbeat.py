"""The heartbeat, with simulated responses of the database."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from control.db import write
from control.jobs.service import LeaseLost
from control.lifecycle.models import Job
from tests.factories import make_running
from worker import heartbeat as module
from worker.heartbeat import Heartbeat, Progress

SECONDS = 0.01


class Renewals:
    """Replaces the lease: records when each granted renewal was requested."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []
        self.granted = threading.Event()

    def renewed(self, asked_at: float) -> None:
        self.asked_at.append(asked_at)
        self.granted.set()


@contextmanager
def beating(
    database: Engine, job_id: str, attempt: int, **options: Any
) -> Iterator[tuple[Heartbeat, Renewals, list[str], list[LeaseLost]]]:
    renewals, intents, lost = Renewals(), list[str](), list[LeaseLost]()
    heart = Heartbeat(
        database,
        job_id,
        attempt,
        renewals,  # type: ignore[arg-type]
        **({"seconds": SECONDS, "intent": intents.append, "lost": lost.append} | options),
    )
    with closing(_Stopping(heart)):
        yield heart, renewals, intents, lost


class _Stopping:
    def __init__(self, heart: Heartbeat) -> None:
        self.close = heart.stop


def answers(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    monkeypatch.setattr(module, "heartbeat", answer)


def test_a_renewal_counts_from_the_moment_before_the_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def slow(*_: Any, **__: Any) -> None:
        asked.append(time.monotonic())

    answers(monkeypatch, slow)
    with beating(engine, "job_x", 1) as (_, renewals, _intents, _lost):
        assert renewals.granted.wait(20)
    assert renewals.asked_at[0] <= asked[0]


def test_a_failed_heartbeat_renews_nothing_and_is_repeated(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []

    def sometimes(*_: Any, **__: Any) -> None:
        beats.append(time.monotonic())
        if len(beats) < 3:
            raise OperationalError("UPDATE", {}, Exception("away"))

    answers(monkeypatch, sometimes)
    with beating(engine, "job_x", 1) as (_, renewals, _intents, lost):
        assert renewals.granted.wait(20)
    assert renewals.asked_at[0] > beats[1], "of the third, and of none before"
    assert lost == []


def test_each_change_of_the_intent_is_reported_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([None, "pause", "pause", "cancel", "cancel"])
    over = threading.Event()

    def answer(*_: Any, **__: Any) -> Any:
        try:
            return next(said)
        except StopIteration:
            over.set()
            return "cancel"

    answers(monkeypatch, answer)
    with beating(engine, "job_x", 1) as (heart, _, intents, _lost):
        while not over.wait(0.001):
            heart.soon()
    assert intents == ["pause", "cancel"]


def test_a_lost_lease_is_reported_once_and_ends_the_heartbeats(engine: Engine) -> None:
    with write(engine) as session:
        job, claim = make_running(session)
    told = threading.Event()
    with beating(engine, job.id, claim.attempt + 1, lost=lambda _: told.set()) as (heart, renewals, _, _lost):
        assert told.wait(20)
        heart._thread.join(20)
        assert not heart._thread.is_alive()
    assert renewals.asked_at == []


def test_a_phase_reaches_the_row_with_the_next_heartbeat(engine: Engine) -> None:
    with write(engine) as session:
        job, claim = make_running(session)
    with beating(engine, job.id, claim.attempt, seconds=3600.0) as (heart, renewals, _, _lost):
        assert renewals.granted.wait(20)
        renewals.granted.clear()
        heart.progress(Progress("training", 0.5, step=7))
        assert renewals.granted.wait(20), "news is not kept until the next hour"
    with write(engine) as session:
        row = session.get_one(Job, job.id)
        assert (row.phase, row.phase_fraction, row.step) == ("training", 0.5, 7)


def test_each_heartbeat_extends_the_lease_in_the_database(engine: Engine) -> None:
    with write(engine) as session:
        job, claim = make_running(session)
        before = session.get_one(Job, job.id).lease_until
    with beating(engine, job.id, claim.attempt) as (_, renewals, _intents, _lost):
        assert renewals.granted.wait(20)
    with write(engine) as session:
        after = session.get_one(Job, job.id).lease_until
    assert before is not None
    assert after is not None
    assert after > before
