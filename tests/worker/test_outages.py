"""The database goes away while a job runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from control.broker import broker
from control.db import create_engine
from control.migrate import upgrade
from control.settings import settings
from standalone.postgres import Postgres
from standalone.valkey import Valkey
from tests.worker.conftest import Bench, eventually
from tests.worker.scripted_engine import loss_at


@pytest.fixture
def database(server_directory: Path, tmp_path: Path) -> Iterator[Postgres]:
    """A separate server that the test may stop."""
    with Postgres(server_directory / f"own-{tmp_path.name}", durable=False) as server:
        upgrade(server.url)
        yield server


@pytest.fixture
def outage(
    database: Postgres, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    chosen = {
        "DATABASE_URL": database.url,
        "REDIS_URL": valkey.url,
        "STORAGE_URL": (tmp_path / "storage").as_uri(),
        "SEEDBED_SECRET": "only for tests: thirty-two characters at least",
        "SEEDBED_CACHE_DIRECTORY": str(tmp_path / "cache"),
        "SEEDBED_HEARTBEAT_SECONDS": "0.2",
        "SEEDBED_LEASE_SECONDS": "3",
    }
    with bench_with(chosen, monkeypatch, tmp_path) as bench:
        yield bench


@contextmanager
def bench_with(chosen: dict[str, str], patch: pytest.MonkeyPatch, directory: Path) -> Iterator[Bench]:
    for variable, value in chosen.items():
        patch.setenv(variable, value)
    settings.cache_clear()
    broker.cache_clear()
    broker().live.flushall()
    engine: Engine = create_engine(chosen["DATABASE_URL"])
    yield Bench(engine, settings(), directory / "worker.log")
    engine.dispose()
    broker().close()
    broker.cache_clear()
    settings.cache_clear()


def test_an_outage_shorter_than_the_lease_has_no_effect(outage: Bench, database: Postgres) -> None:
    with outage.worker() as worker:
        job_id = outage.submit("engine step_seconds=0.05", training={"steps": 60})
        outage.await_step(job_id, 3)
        engine = worker.engine

        database.stop()
        eventually(lambda: "trying again" in outage.log(), "the first write that fails")
        database.start()

        outage.await_state(job_id, "succeeded")
        assert not engine.is_running()
    assert outage.job(job_id).attempt == 1
    assert outage.points(job_id) == {step: loss_at(step) for step in range(1, 61)}


def test_an_outage_longer_than_the_lease_stops_the_engine_and_loses_no_step(
    outage: Bench, database: Postgres
) -> None:
    with outage.worker() as worker:
        job_id = outage.submit("engine step_seconds=0.1", training={"steps": 80, "checkpoint_every": None})
        outage.await_step(job_id, 3)
        engine = worker.engine

        database.stop()
        eventually(lambda: not engine.is_running(), "the engine's end")
        database.start()

        outage.await_state(job_id, "succeeded")
    first, second = outage.attempt(job_id, 1), outage.attempt(job_id, 2)
    assert first.outcome == "worker_stopped"
    assert first.exit_code is None
    assert second.start_step == outage.checkpoints(job_id)[0] > 3
    assert outage.job(job_id).retries_used == 0
    assert outage.points(job_id) == {step: loss_at(step) for step in range(1, 81)}
