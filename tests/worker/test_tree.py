"""Whichever process of a worker is killed, no orphaned process stays, and the job is resumed."""

import signal

import psutil

from control.broker import broker
from control.db import write
from control.jobs import service as jobs
from tests.worker.conftest import Bench, await_gone, eventually


def test_killing_a_process_ends_all_its_descendants(bench: Bench) -> None:
    with bench.worker() as tree:
        job_id = bench.submit("engine step_seconds=0.05", training={"steps": 10_000})
        bench.await_step(job_id, 1)

        _kill(tree.engine, below=0)
        # The supervisor notices it, and the job is resumed.
        _await_attempt(bench, job_id, 2)
        assert bench.attempt(job_id, 1).outcome == "crashed"

        _kill(tree.server, below=1)
        # The job is resumed again, from a new server.
        _await_attempt(bench, job_id, 3)
        assert bench.attempt(job_id, 2).outcome == "crashed"

        supervisor = tree.supervisor
        _kill(supervisor, below=2)
        # The main process starts another supervisor, which returns the job without waiting for the lease's end.
        eventually(lambda: bench.job(job_id).state == "queued", "the job's return")
        assert bench.attempt(job_id, 3).outcome == "crashed"
        broker().wake("cpu", job_id)
        _await_attempt(bench, job_id, 4)
        assert tree.supervisor != supervisor

        _kill(tree.main, below=3)
    _cancel(bench, job_id)


def _kill(victim: psutil.Process, *, below: int) -> None:
    """Kill a process, and check that it and its descendants end within 5 s."""
    everything = [victim, *victim.children(recursive=True)]
    assert len(everything) == 1 + below
    victim.kill()
    await_gone(everything)


def _await_attempt(bench: Bench, job_id: str, number: int) -> None:
    """Wait until the engine of this attempt has reported its first point."""
    eventually(
        lambda: bench.job(job_id).attempt == number and bench.attempt(job_id, number).start_step is not None,
        f"attempt {number}",
    )


def test_killing_the_whole_group_leaves_nothing(bench: Bench) -> None:
    """The engine's server and the engine lead separate sessions; the kernel ends them nevertheless."""
    with bench.worker() as tree:
        job_id = bench.submit("engine step_seconds=0.05", training={"steps": 10_000})
        bench.await_step(job_id, 3)
        everything = tree.all()
        assert len(everything) == 4

        tree.signal_group(signal.SIGKILL)
        await_gone(everything)
    _cancel(bench, job_id)


def test_a_resumed_supervisor_finds_that_its_lease_is_lost(bench: Bench) -> None:
    with bench.worker() as frozen:
        job_id = bench.submit("engine step_seconds=0.05", training={"steps": 100})
        bench.await_step(job_id, 3)
        engine = frozen.engine
        frozen.supervisor.suspend()
        eventually(lambda: _expired(bench, job_id), "the end of the lease")
        with bench.worker():
            broker().wake("cpu", job_id)
            eventually(lambda: bench.job(job_id).attempt == 2, "the second attempt")
            bench.await_step(job_id, 20)

            frozen.supervisor.resume()
            await_gone([engine])
            bench.await_state(job_id, "succeeded")

    assert bench.attempt(job_id, 1).outcome == "lease_expired"
    assert sorted(bench.points(job_id)) == list(range(1, 101))


def _expired(bench: Bench, job_id: str) -> bool:
    bench.maintenance().expire_leases()
    return bench.job(job_id).state == "queued"


def _cancel(bench: Bench, job_id: str) -> None:
    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "cancel")

    def cancelled() -> bool:
        bench.maintenance().expire_leases()
        return bench.job(job_id).state == "cancelled"

    eventually(cancelled, "the end of the job")
