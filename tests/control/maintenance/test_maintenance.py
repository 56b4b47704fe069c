"""The leader's rounds on real PostgreSQL and Valkey."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from control.broker import QUEUES, Broker, broker
from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.maintenance.leader_election import leader
from control.maintenance.service import Maintenance
from control.settings import Settings
from control.storage import Storage, open_storage
from tests.factories import let_pass, make_checkpoint, make_job, make_running, make_worker


@pytest.fixture
def storage(environment: Settings) -> Storage:
    return open_storage(environment.storage_url)


@pytest.fixture
def replica(engine: Engine, environment: Settings, storage: Storage) -> Iterator[Callable[..., Maintenance]]:
    """Makes replicas whose clock is past the grace period."""
    made: list[Maintenance] = []

    def make(chosen: Broker | None = None) -> Maintenance:
        ticks = iter(range(0, 10**6, 1000))
        maintenance = Maintenance(
            engine, chosen or broker(), storage, environment, clock=lambda: float(next(ticks))
        )
        made.append(maintenance)
        return maintenance

    yield make
    for maintenance in made:
        maintenance.close()


@pytest.fixture
def maintenance(replica: Callable[..., Maintenance]) -> Maintenance:
    return replica()


def _backlog() -> dict[str, int]:
    return {queue: broker().backlog(queue) for queue in QUEUES}


def test_one_of_many_leads_and_another_takes_over(
    replica: Callable[..., Maintenance], engine: Engine
) -> None:
    first, second = replica(), replica()
    assert first.round()
    assert not second.round()
    assert first.round()
    first.close()
    assert second.round()
    assert not first.round()


def test_a_leader_whose_connection_dies_is_followed_by_another(
    replica: Callable[..., Maintenance], engine: Engine
) -> None:
    first, second = replica(), replica()
    assert first.round()
    with read(engine) as session:
        name = leader(session)
    assert name
    assert name.startswith("seedbed (local, server process ")
    with write(engine) as session:
        ended = text("SELECT pg_terminate_backend(pid, 20000) FROM pg_locks WHERE locktype = 'advisory'")
        assert session.execute(ended).scalar_one()  # and has waited for its end
    assert second.round()
    with pytest.raises(Exception, match="terminating connection"):
        first.round()
    assert not first.round()
    with read(engine) as session:
        assert leader(session) != name


def test_a_silent_leaders_connection_is_closed_by_the_server(
    replica: Callable[..., Maintenance], engine: Engine
) -> None:
    """This ends the leadership of a frozen process; the test reads the server's settings instead of waiting."""
    maintenance = replica()
    assert maintenance.round()
    connection = maintenance._leadership._connection
    assert connection
    assert connection.execute(text("SHOW idle_session_timeout")).scalar() == "15s"


def test_a_lost_wake_up_is_sent_again(engine: Engine, maintenance: Maintenance) -> None:
    with write(engine) as session:
        job = make_job(session)
        make_worker(session)
    broker().live.flushall()
    assert _backlog() == {"cpu": 0, "gpu": 0}
    assert dict(maintenance.dispatch().wakeups) == {"cpu": [job.id]}
    assert _backlog() == {"cpu": 1, "gpu": 0}
    maintenance.dispatch()
    assert _backlog() == {"cpu": 1, "gpu": 0}, "a wake-up message that still waits is enough"


def test_no_wake_up_is_sent_to_busy_workers(engine: Engine, maintenance: Maintenance) -> None:
    with write(engine) as session:
        make_running(session)
        make_job(session)
    broker().live.flushall()
    maintenance.dispatch()
    assert _backlog() == {"cpu": 0, "gpu": 0}


def test_jobs_that_no_worker_can_run_do_not_block_later_jobs(
    engine: Engine, maintenance: Maintenance
) -> None:
    with write(engine) as session:
        project = make_job(session, resources={"device": "cuda"}, priority=9)
        session.execute(
            text("""
                INSERT INTO jobs (id, project_id, dataset_id, name, spec, steps, device, priority, memory_bytes)
                SELECT 'job_' || n, :project, :dataset, 'huge', '{}', 1, 'cpu', 50, 1::bigint << 60
                FROM generate_series(1, 150) AS n
            """),
            {"project": project.project_id, "dataset": project.dataset_id},
        )
        small = make_job(session)
        make_worker(session)
    assert dict(maintenance.dispatch().wakeups) == {"cpu": [small.id]}


def test_a_job_of_lower_priority_is_preempted_for_an_urgent_one(
    engine: Engine, maintenance: Maintenance
) -> None:
    with write(engine) as session:
        victim, claim = make_running(session, resources={"preemptible": True})
        urgent = make_job(session, priority=1)
        worker = victim.worker_id
        assert worker
    assert maintenance.round()
    assert maintenance.round(), "a second round asks for nothing more"
    with write(engine) as session:
        assert jobs.heartbeat(session, victim.id, claim.attempt) == "preempt"
        told = [event for event in jobs.events(session, victim.id) if event.type == "preempt_requested"]
        assert [event.data for event in told] == [{"for": urgent.id}]
        jobs.finish(session, victim.id, claim.attempt, jobs.Stopped(75))
        taken = jobs.claim(session, worker)
        assert taken
        assert taken.job_id == urgent.id
        jobs.finish(session, urgent.id, 1, jobs.Completed())
        again = jobs.claim(session, worker)
        assert again
        assert (again.job_id, again.attempt) == (victim.id, 2)
        assert session.get_one(Job, victim.id).retries_used == 0


def test_files_of_dropped_checkpoints_leave_the_storage(
    engine: Engine, maintenance: Maintenance, storage: Storage, tmp_path: Path
) -> None:
    source = tmp_path / "config.json"
    source.write_text("{}")
    with write(engine) as session:
        _, claim = make_running(
            session,
            training={"steps": 9, "batch_size": 8, "sequence_length": 64, "retention": {"keep_last": 1}},
        )
        for step in (1, 2):
            storage.put_file(f"jobs/{claim.job_id}/attempt-1/step-{step}/config.json", source)
            make_checkpoint(session, claim, step)
    assert maintenance.purge_checkpoints() == [], "downloads that have just begun may end"
    with write(engine) as session:
        let_pass(session, 61)
    purged = maintenance.purge_checkpoints()
    with read(engine) as session:
        first = session.get_one(Checkpoint, purged[0])
        assert (first.step, first.purged_at is not None) == (1, True)
    left = [item.key for item in storage.list(f"jobs/{claim.job_id}")]
    assert left == [f"jobs/{claim.job_id}/attempt-1/step-2/config.json"]
    assert maintenance.purge_checkpoints() == []


def test_leases_expire_while_redis_is_unreachable(
    engine: Engine, replica: Callable[..., Maintenance], environment: Settings, tmp_path: Path
) -> None:
    nowhere = Broker(environment.model_copy(update={"redis_url": f"unix://{tmp_path}/no.sock?db=0"}))
    maintenance = replica(nowhere)
    with write(engine) as session:
        job, _ = make_running(session)
        make_worker(session)
        let_pass(session, 31)
        make_worker(session)
    assert maintenance.round()
    assert maintenance.round()
    with read(engine) as session:
        assert session.get_one(Job, job.id).state == "queued"
    nowhere.close()


def test_the_thread_continues_after_a_failed_round_and_ends_on_stop(
    engine: Engine, environment: Settings, storage: Storage
) -> None:
    stop = threading.Event()
    rounds = iter([OSError("a bad moment"), None])
    seen = []

    class Moody(Maintenance):
        def round(self) -> bool:
            failure = next(rounds)
            seen.append(failure)
            if failure:
                raise failure
            stop.set()
            return True

    settings = environment.model_copy(update={"reaper_seconds": 0.01})
    thread = threading.Thread(target=Moody(engine, broker(), storage, settings).run, args=[stop])
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert len(seen) == 2
