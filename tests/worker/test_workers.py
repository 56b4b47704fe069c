"""Workers that each test starts, stops and configures itself."""

import signal
import socket
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

from kombu.exceptions import OperationalError

from control.broker import Broker, broker
from control.db import write
from control.jobs import service as jobs
from standalone.network import free_port
from standalone.valkey import Valkey
from tests.worker.conftest import Bench, await_gone, eventually
from tests.worker.test_jobs import EVERY_POINT


def test_one_wake_up_is_enough_for_all_queued_jobs(bench: Bench) -> None:
    """Best jobs first; the worker continues until the queue is empty, however many wake-ups were lost."""
    submitted = [bench.submit(priority=priority) for priority in (0, 5, -5)]
    broker().live.flushall()
    with bench.worker():
        broker().wake("cpu", "job_of_nobody")
        ended = [bench.await_state(job_id, "succeeded").finished_at for job_id in submitted]

    assert ended[1] < ended[0] < ended[2]


def test_an_engine_that_ignores_the_stop_is_killed_after_the_grace(bench: Bench) -> None:
    with bench.worker(SEEDBED_STOP_GRACE_SECONDS="0.5"):
        job_id = bench.submit("engine ignores_sigterm step_seconds=0.02", training={"steps": 10_000})
        bench.await_checkpoint(job_id, 10)
        with write(bench.database) as session:
            jobs.request(session, bench.project, job_id, "pause")
        bench.await_state(job_id, "paused")

    assert bench.attempt(job_id, 1).exit_code == -signal.SIGKILL


def test_a_worker_has_prometheus_metrics(bench: Bench) -> None:
    port = free_port("127.0.0.1", 0)
    with bench.worker(SEEDBED_WORKER_METRICS_PORT=str(port)):
        job_id = bench.submit("engine step_seconds=0.02")
        eventually(lambda: "seedbed_worker_busy 1.0" in _scrape(port), "a busy worker")
        bench.await_state(job_id, "succeeded")
        told = eventually(
            lambda: text if "seedbed_worker_busy 0.0" in (text := _scrape(port)) else None, "an idle worker"
        )
    assert 'seedbed_worker_attempts_total{outcome="completed"} 1.0' in told
    assert 'seedbed_worker_checkpoints_total{stored="yes"} 4.0' in told
    assert "seedbed_worker_step 40.0" in told


def test_a_used_metrics_port_disables_only_the_metrics(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with bench.worker(SEEDBED_WORKER_METRICS_PORT=str(port)):
            bench.await_state(bench.submit(), "succeeded")
    assert f"no metrics: port {port}" in bench.log()


def test_a_stopped_worker_returns_its_job_at_a_checkpoint(bench: Bench) -> None:
    with bench.worker() as worker:
        job_id = bench.submit("engine step_seconds=0.05")
        bench.await_step(job_id, 5)
        left = worker.all()
        worker.main.terminate()
        assert worker.process.wait(20) == 0
        await_gone(left)

    job = bench.job(job_id)
    assert job.state == "queued"
    assert job.retries_used == 0
    assert bench.attempt(job_id, 1).outcome == "worker_stopped"
    assert bench.checkpoints(job_id) == [job.step]
    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "cancel")


def test_a_second_signal_ends_the_worker_at_once_and_leaves_no_process(bench: Bench) -> None:
    with bench.worker() as worker:
        job_id = bench.submit("engine ignores_sigterm step_seconds=0.05", training={"steps": 10_000})
        bench.await_step(job_id, 3)
        left = worker.all()
        said = bench.log().count("stopping the engine")
        worker.main.terminate()
        eventually(lambda: bench.log().count("stopping the engine") > said, "the first signal's effect")
        worker.main.terminate()
        assert worker.process.wait(5) == 128 + signal.SIGTERM
        await_gone(left)

    _take_back(bench, job_id)


def test_a_signal_to_the_whole_group_has_the_same_effect(bench: Bench) -> None:
    """As an init system sends it: to the main process and the supervisor."""
    with bench.worker() as worker:
        job_id = bench.submit("engine step_seconds=0.05", training={"steps": 10_000})
        bench.await_step(job_id, 3)
        worker.signal_group(signal.SIGTERM)
        assert worker.process.wait(20) == 0

    assert bench.attempt(job_id, 1).outcome == "worker_stopped"
    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "cancel")


def test_a_worker_skips_a_damaged_checkpoint(bench: Bench) -> None:
    with bench.worker() as worker:
        job_id = bench.submit("engine step_seconds=0.05")
        bench.await_checkpoint(job_id, 20)
        worker.main.terminate()
        assert worker.process.wait(20) == 0
    *_, before, newest = bench.checkpoints(job_id)
    damaged = bench.storage.local_path(f"jobs/{job_id}/attempt-1/step-{newest}/trainer/state.json")
    assert damaged is not None
    damaged.write_text("{}")

    with bench.worker():
        broker().wake("cpu", job_id)
        bench.await_state(job_id, "succeeded")

    assert bench.attempt(job_id, 2).start_step == before
    assert "warning" in bench.events(job_id)
    assert bench.points(job_id) == EVERY_POINT


def test_the_environment_of_the_engine_has_no_credential(bench: Bench) -> None:
    with bench.worker(AWS_SECRET_ACCESS_KEY="hidden", CUDA_VISIBLE_DEVICES="0"):
        job_id = bench.submit("engine show_environment")
        bench.await_state(job_id, "succeeded")

    log = bench.attempt(job_id, 1).log_tail
    (line,) = [line for line in log.splitlines() if line.startswith("environment: ")]
    names = set(line.split()[1:])
    ours = ("DATABASE", "REDIS", "STORAGE", "SEEDBED", "AWS", "PG")
    told = {"SEEDBED_CHECKPOINT_SECONDS", "SEEDBED_POINT_SECONDS"}  # how often it may write
    assert {name for name in names if name.startswith(ours)} <= told
    assert {"PATH", "CUDA_VISIBLE_DEVICES"} <= names


def test_a_restart_of_redis_without_its_data_loses_nothing(
    bench: Bench, server_directory: Path, tmp_path: Path
) -> None:
    with Valkey(server_directory / f"own-{tmp_path.name}", durable=False) as valkey:
        own = Broker(bench.settings.model_copy(update={"redis_url": valkey.url}))
        with bench.worker(REDIS_URL=valkey.url), closing(own):
            job_id = bench.submit("engine step_seconds=0.1")
            eventually(lambda: _wakes(own, job_id) and bench.job(job_id).step >= 3, "step 3")
            valkey.kill()
            bench.await_step(job_id, 15)
            valkey.start()
            bench.await_state(job_id, "succeeded")
            # The worker has reconnected and receives wake-up messages.
            later = bench.submit()
            eventually(lambda: _wakes(own, later) and bench.job(later).state == "succeeded", "the next job")

    assert bench.points(job_id) == EVERY_POINT
    assert bench.job(job_id).attempt == 1


def _scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return ""  # it does not answer yet


def _wakes(own: Broker, job_id: str) -> bool:
    try:
        own.wake("cpu", job_id)
    except OperationalError:
        return False  # it is just being restarted
    return True


def _take_back(bench: Bench, job_id: str) -> None:
    """Cancel a job whose worker is gone, so that no other test's worker takes it."""
    with write(bench.database) as session:
        jobs.request(session, bench.project, job_id, "cancel")

    def cancelled() -> bool:
        bench.maintenance().expire_leases()
        return bench.job(job_id).state == "cancelled"

    eventually(cancelled, "the end of the lease")
