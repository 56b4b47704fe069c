"""A wake-up message makes the worker read a request on its job at once, before the next heartbeat."""

from control.db import write
from control.jobs import service as jobs
from tests.worker.conftest import Bench


def test_a_pause_arrives_between_two_heartbeats(bench: Bench) -> None:
    with bench.worker(SEEDBED_HEARTBEAT_SECONDS="3600", SEEDBED_LEASE_SECONDS="7200"):
        job_id = bench.submit("engine step_seconds=0.05", training={"steps": 10_000})
        bench.await_step(job_id, 40)  # the heartbeats that report its phases have been sent

        with write(bench.database) as session:
            jobs.request(session, bench.project, job_id, "pause")

        bench.await_state(job_id, "paused")
        assert bench.attempt(job_id, 1).outcome == "paused"
