"""One attempt, supervised in this process, so that a test can inject faults into storage, lease and database.

The engine is scripted and runs as a child of a real preloaded server; the database and the storage are real too.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from control.db import read, write
from control.jobs import service as jobs
from control.jobs.service import Claim
from control.lifecycle.models import Event, Job
from control.settings import Settings, settings
from control.storage import Storage, StorageUnavailable
from tests.factories import make_worker
from tests.worker.conftest import Bench, await_gone, eventually
from tests.worker.test_jobs import EVERY_POINT
from worker import heartbeat, uploads, workspace
from worker.device import describe
from worker.resources import WorkerResources
from worker.supervisor import Supervisor


class Calls:
    """Replaces Redis: a test calls the supervisor itself."""

    def __init__(self) -> None:
        self.called: Callable[[], object] | None = None

    @contextmanager
    def listening(self, called: Callable[[], object]) -> Iterator[None]:
        self.called = called
        yield

    def call(self) -> None:
        assert self.called is not None
        self.called()


@dataclass
class Attempt:
    """An attempt that runs in a thread."""

    supervisor: Supervisor
    thread: threading.Thread
    stop: threading.Event
    calls: Calls
    resources: WorkerResources
    claim: Claim

    def engine(self) -> psutil.Process:
        """The running engine."""
        server = self.resources.engines.pid
        assert server is not None
        found = eventually(lambda: psutil.Process(server).children(), "the engine's start")
        return psutil.Process(found[0].pid)

    def end(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive()


class Place:
    """A bench whose worker is this process."""

    def __init__(self, bench: Bench, resources: WorkerResources) -> None:
        self.bench = bench
        self.resources = resources
        self.storage = resources.storage
        self._begun: list[Attempt] = []
        with write(bench.database) as session:
            self.worker_id = make_worker(session)

    def be_impatient(self) -> None:
        """Set the grace period of a stop to half a second."""
        hasty = self.resources.settings.model_copy(update={"stop_grace_seconds": 0.5})
        self.resources = replace(self.resources, settings=hasty)

    def begin(self) -> Attempt:
        """Claim the best job and supervise it."""
        with write(self.bench.database) as session:
            claim = jobs.claim(session, self.worker_id)
        assert claim is not None
        return self.supervise(claim)

    def supervise(self, claim: Claim) -> Attempt:
        """Supervise an attempt that has just been claimed."""
        calls, stop = Calls(), threading.Event()
        supervisor = Supervisor(self.resources, claim, calls, stop)  # type: ignore[arg-type]
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        self._begun.append(Attempt(supervisor, thread, stop, calls, self.resources, claim))
        return self._begun[-1]

    def run(self) -> Claim:
        """Claim the best job and supervise it to its end."""
        attempt = self.begin()
        attempt.end()
        return attempt.claim

    def await_checkpoint(self, job_id: str) -> None:
        """Wait for any checkpoint: on a busy machine one may be replaced by the next before it is stored."""
        eventually(lambda: self.bench.checkpoints(job_id), "a checkpoint")

    def end(self) -> None:
        """Also end what a failed test has left."""
        for attempt in self._begun:
            attempt.stop.set()
        self.resources.engines.stop()
        for attempt in self._begun:
            attempt.end()
        self.resources.database.dispose()

    def ask(self, job_id: str, verb: Any) -> None:
        with write(self.bench.database) as session:
            jobs.request(session, self.bench.project, job_id, verb)

    def warnings(self, job_id: str) -> list[str]:
        """Codes of the warnings in the job's history."""
        with read(self.bench.database) as session:
            query = select(Event.data).where(Event.job_id == job_id, Event.type == "warning")
            return [data["code"] for data in session.scalars(query.order_by(Event.id))]


@pytest.fixture
def place(
    engine: Engine, environment: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Place]:
    monkeypatch.setenv("SEEDBED_HEARTBEAT_SECONDS", "0.2")
    monkeypatch.setattr(uploads, "_BACK_OFF_SECONDS", (0.01,))
    monkeypatch.setattr(workspace, "_BACK_OFF_SECONDS", 0.01)
    settings.cache_clear()
    resources = WorkerResources.assemble(
        settings(), describe("cpu"), tmp_path, engine_module="tests.worker.scripted_engine"
    )
    resources.engines.start()
    place = Place(Bench(engine, settings(), tmp_path / "log"), resources)
    yield place
    place.end()


def breaks(storage: Storage, method: str, action: Callable[..., Any]) -> None:
    """Replace a storage method by `action`, which gets the method and its arguments."""
    whole = getattr(storage, method)
    object.__setattr__(storage, method, lambda *arguments: action(whole, *arguments))


def job_of(place: Place, job_id: str) -> Job:
    return place.bench.job(job_id)


def test_an_attempt_from_its_claim_to_its_end(place: Place) -> None:
    job_id = place.bench.submit()
    place.run()
    assert job_of(place, job_id).state == "succeeded"
    assert place.bench.points(job_id) == EVERY_POINT
    assert place.bench.checkpoints(job_id)[-1] == 40
    assert list(place.resources.cache.directory.glob("runs/*")) == [], "its directory is gone"


def test_a_checkpoint_exists_only_once_all_of_it_is_in_storage(place: Place) -> None:
    job_id = place.bench.submit()
    stored: dict[str, list[str]] = {}

    def put(whole: Callable[..., None], key: str, path: Path) -> None:
        step = next((part for part in key.split("/") if part.startswith("step-")), None)
        if step is not None:
            assert int(step[5:]) not in place.bench.checkpoints(job_id), "its row came before its files"
            stored.setdefault(step, []).append(key.rpartition("/")[2])
        whole(key, path)

    breaks(place.storage, "put_file", put)
    place.run()
    assert job_of(place, job_id).state == "succeeded"
    assert "step-40" in stored
    assert all(names[-1] == "manifest.json" and len(names) == 3 for names in stored.values()), stored


def test_a_job_whose_last_checkpoint_is_not_stored_has_not_succeeded(place: Place) -> None:
    job_id = place.bench.submit(resources={"max_retries": 0})

    def put(whole: Callable[..., None], key: str, path: Path) -> None:
        if "/step-40/" in key:
            raise RuntimeError("the bucket is of another opinion")
        whole(key, path)

    breaks(place.storage, "put_file", put)
    place.run()
    job = job_of(place, job_id)
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure["code"] == "not_stored"
    assert "step 40" in job.failure["message"]
    assert 40 not in place.bench.checkpoints(job_id)
    assert place.warnings(job_id) == ["not_stored"]


def test_temporary_storage_errors_have_no_effect(place: Place) -> None:
    job_id = place.bench.submit()
    failures = {"put_file": 0, "chunks": 0}

    def twice_not(method: str) -> Callable[..., Any]:
        def action(whole: Callable[..., Any], *arguments: Any) -> Any:
            failures[method] += 1
            if failures[method] % 3:
                raise StorageUnavailable
            return whole(*arguments)

        return action

    for method in failures:
        breaks(place.storage, method, twice_not(method))
    breaks(place.storage, "local_path", lambda _whole, _key: None)
    place.run()
    assert job_of(place, job_id).state == "succeeded"
    assert place.bench.checkpoints(job_id)[-1] == 40
    assert failures["put_file"] >= 9
    assert failures["chunks"] >= 3


def test_a_long_storage_outage_ends_the_attempt_in_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_STORAGE_RETRY_SECONDS", 0.05)
    job_id = place.bench.submit(resources={"max_retries": 0})

    def away(*_: Any) -> None:
        raise StorageUnavailable

    breaks(place.storage, "chunks", away)
    breaks(place.storage, "local_path", lambda _whole, _key: None)
    place.run()
    job = job_of(place, job_id)
    assert job.failure is not None
    assert (job.state, job.failure["code"]) == ("failed", "storage_unavailable")


def test_a_missing_file_is_named_and_the_job_is_not_retried(place: Place) -> None:
    content = b"soon gone\n" * 5000
    dataset = place.bench.dataset(content)
    place.storage.delete(place.bench.blob_key(content))
    job_id = place.bench.submit(dataset=dataset)
    place.run()
    job = job_of(place, job_id)
    assert job.failure is not None
    assert (job.state, job.failure["code"]) == ("failed", "dataset_missing")
    assert "corpus.txt" in job.failure["message"]


def test_an_attempt_that_lost_its_lease_kills_its_engine_and_writes_nothing_more(place: Place) -> None:
    job_id = place.bench.submit("engine ignores_sigterm step_seconds=0.02", training={"steps": 100_000})
    attempt = place.begin()
    place.await_checkpoint(job_id)
    engine = attempt.engine()
    with write(place.bench.database) as session:
        session.execute(text("UPDATE jobs SET attempt = attempt + 1 WHERE id = :job"), {"job": job_id})
    before = _everything_of(place, job_id)
    attempt.end()
    await_gone([engine])
    assert _everything_of(place, job_id) == before


def test_after_a_lost_lease_the_engine_is_killed_even_if_a_write_waits_for_the_database(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = place.bench.submit("engine ignores_sigterm step_seconds=0.02", training={"steps": 100_000})
    attempt = place.begin()
    place.await_checkpoint(job_id)
    engine = attempt.engine()
    waits, answered = threading.Event(), threading.Event()
    queue = attempt.supervisor._write_queue
    flush = queue.flush

    def flush_late() -> None:
        waits.set()
        assert answered.wait(60)
        flush()

    monkeypatch.setattr(queue, "flush", flush_late)
    try:
        assert waits.wait(60)
        with write(place.bench.database) as session:
            session.execute(text("UPDATE jobs SET attempt = attempt + 1 WHERE id = :job"), {"job": job_id})
        await_gone([engine])
    finally:
        answered.set()
    attempt.end()


def test_a_cancel_reaches_the_engine_at_once_and_ends_at_a_checkpoint(place: Place) -> None:
    job_id = place.bench.submit("engine step_seconds=0.02", training={"steps": 100_000})
    attempt = place.begin()
    place.bench.await_step(job_id, 3)
    place.ask(job_id, "cancel")
    attempt.calls.call()
    attempt.end()
    job = job_of(place, job_id)
    assert job.state == "cancelled"
    assert place.bench.checkpoints(job_id)[-1] == job.step
    assert place.bench.attempt(job_id, 1).exit_code == 75


def test_an_engine_that_does_not_stop_is_killed_and_its_checkpoints_are_kept(place: Place) -> None:
    place.be_impatient()
    job_id = place.bench.submit("engine ignores_sigterm step_seconds=0.02", training={"steps": 100_000})
    attempt = place.begin()
    place.await_checkpoint(job_id)
    engine = attempt.engine()
    stored = set(place.bench.checkpoints(job_id))
    attempt.stop.set()
    attempt.end()
    await_gone([engine])
    job = job_of(place, job_id)
    assert (job.state, job.retries_used) == ("queued", 0)
    assert place.bench.attempt(job_id, 1).outcome == "worker_stopped"
    assert stored <= set(place.bench.checkpoints(job_id))


def test_a_stop_before_the_engine_runs_returns_the_job(place: Place) -> None:
    job_id = place.bench.submit()
    fetching, go_on = threading.Event(), threading.Event()

    def slow(whole: Callable[..., Any], *arguments: Any) -> Any:
        fetching.set()
        assert go_on.wait(30)
        return whole(*arguments)

    breaks(place.storage, "chunks", slow)
    breaks(place.storage, "local_path", lambda _whole, _key: None)
    attempt = place.begin()
    assert fetching.wait(30)
    attempt.stop.set()
    go_on.set()
    attempt.end()
    job = job_of(place, job_id)
    assert (job.state, job.retries_used, job.step) == ("queued", 0, 0)
    assert "engine_started" not in place.bench.events(job_id)


@pytest.mark.parametrize("damage", ["file", "manifest", "missing"])
def test_a_damaged_checkpoint_is_skipped(place: Place, damage: str) -> None:
    job_id = place.bench.submit("engine step_seconds=0.01", training={"steps": 300})
    attempt = place.begin()
    eventually(lambda: len(place.bench.checkpoints(job_id)) >= 2, "two checkpoints")
    attempt.stop.set()
    attempt.end()
    *_, before, newest = place.bench.checkpoints(job_id)
    folder = place.storage.local_path(f"jobs/{job_id}/attempt-1/step-{newest}/manifest.json")
    assert folder is not None
    folder = folder.parent
    if damage == "file":
        (folder / "config.json").write_text(json.dumps({"step": 0}))
    elif damage == "missing":
        (folder / "trainer" / "state.json").unlink()
    else:
        # Every file matches the manifest, but the manifest is not the one in the database.
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"metrics": {"eval/loss": 0.0}}))

    attempt = place.begin()
    attempt.end()
    assert job_of(place, job_id).state == "succeeded"
    assert place.bench.attempt(job_id, 2).start_step == before
    assert place.warnings(job_id) == ["checkpoint_damaged"]


def test_an_attempt_resumes_from_a_valid_checkpoint(place: Place) -> None:
    job_id = place.bench.submit("engine wait_at=15 once", training={"steps": 60})
    attempt = place.begin()
    place.bench.await_step(job_id, 15)
    attempt.stop.set()
    attempt.end()
    assert job_of(place, job_id).step == 15
    place.run()
    assert job_of(place, job_id).state == "succeeded"
    assert place.bench.attempt(job_id, 2).start_step == 15
    assert sorted(place.bench.points(job_id)) == list(range(1, 61))


def _everything_of(place: Place, job_id: str) -> tuple[Any, ...]:
    job = job_of(place, job_id)
    return (
        (job.state, job.attempt, job.step, job.lease_until, job.phase),
        place.bench.points(job_id),
        place.bench.checkpoints(job_id),
        place.bench.events(job_id),
    )


def test_an_engine_that_ignores_its_stop_after_the_lease_ran_out_is_killed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No heartbeat arrives any more, so another worker may claim the job."""
    place.be_impatient()
    job_id = place.bench.submit("engine ignores_sigterm step_seconds=0.02", training={"steps": 100_000})
    with write(place.bench.database) as session:
        claim = jobs.claim(session, place.worker_id)
    assert claim is not None

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))

    attempt = place.supervise(replace(claim, lease_seconds=1.5))
    engine = attempt.engine()
    place.bench.await_step(job_id, 1)
    monkeypatch.setattr(heartbeat, "heartbeat", away)
    attempt.end()
    await_gone([engine])
    assert (job_of(place, job_id).state, job_of(place, job_id).retries_used) == ("queued", 0)
