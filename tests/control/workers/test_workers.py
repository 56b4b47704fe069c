"""Workers register, send heartbeats and stop."""

import pytest

from control.db import WriteSession
from control.errors import NotFound
from control.jobs import service as jobs
from control.scheduling.roster import list_workers
from control.workers import service as workers
from control.workers.fleet import Fleet, Member, fleet
from tests.factories import let_pass, make_job, make_worker


def _states(session: WriteSession) -> dict[str, str]:
    return {worker.id: worker.state for worker in list_workers(session)}


def test_a_worker_is_listed_as_it_described_itself(session: WriteSession) -> None:
    worker_id = workers.register(
        session,
        name="host:42",
        device="cuda",
        device_name="NVIDIA H100",
        memory_bytes=80 * 2**30,
        threads=8,
        version="0.1.0",
        details={"driver": "570"},
    )
    (out,) = list_workers(session)
    assert (out.id, out.name, out.device, out.device_name) == (worker_id, "host:42", "cuda", "NVIDIA H100")
    assert (out.memory_bytes, out.threads, out.version) == (80 * 2**30, 8, "0.1.0")
    assert (out.details, out.state, out.job) == ({"driver": "570"}, "idle", None)


def test_a_worker_with_a_job_is_busy(session: WriteSession) -> None:
    worker = make_worker(session)
    job = make_job(session)
    assert jobs.claim(session, worker)
    (out,) = list_workers(session)
    assert (out.state, out.job) == ("busy", job.id)


def test_a_worker_without_heartbeats_is_offline_until_the_next_one(session: WriteSession) -> None:
    worker = make_worker(session)
    let_pass(session, 21)
    assert _states(session) == {worker: "offline"}
    assert fleet(session).members == []
    workers.beat(session, worker)
    assert _states(session) == {worker: "idle"}


def test_a_stopped_worker_stays_offline_after_a_late_heartbeat(session: WriteSession) -> None:
    worker = make_worker(session)
    workers.stopped(session, worker)
    workers.beat(session, worker)
    assert _states(session) == {worker: "offline"}


def test_a_worker_not_seen_for_long_is_listed_only_if_it_holds_a_job(session: WriteSession) -> None:
    busy = make_worker(session)
    make_job(session)
    assert jobs.claim(session, busy)
    make_worker(session)
    let_pass(session, 25 * 3600)
    fresh = make_worker(session)
    assert _states(session) == {busy: "offline", fresh: "idle"}


def test_an_unknown_worker_is_told_to_register(session: WriteSession) -> None:
    with pytest.raises(NotFound) as caught:
        workers.beat(session, "wrk_unknown")
    assert caught.value.code == "worker_not_found"


def test_the_list_is_paged(session: WriteSession) -> None:
    made = [make_worker(session) for _ in range(3)]
    first = list_workers(session, limit=2)
    rest = list_workers(session, limit=2, before=first[-1].id)
    assert [worker.id for worker in [*first, *rest]] == sorted(made, reverse=True)


CPU, BIG_CPU = Member("cpu", "cpu", 16), Member("big", "cpu", 64)
GPU, BIG_GPU = Member("gpu", "cuda", 24), Member("big gpu", "cuda", 80)


@pytest.mark.parametrize(
    ("members", "device", "memory", "able"),
    [
        ([CPU, GPU], "auto", 20, [GPU]),
        ([CPU, GPU], "auto", 30, []),
        ([BIG_CPU, GPU], "auto", 30, [BIG_CPU]),
        ([CPU, BIG_CPU, GPU, BIG_GPU], "auto", 30, [BIG_GPU]),
        ([CPU], "auto", 0, [CPU]),
        ([CPU, GPU], "cpu", 10, [CPU]),
        ([CPU, GPU], "cpu", 40, [GPU]),
        ([GPU], "cpu", 40, [GPU]),
        ([CPU, GPU, BIG_GPU], "cuda", 30, [BIG_GPU]),
        ([CPU, BIG_CPU], "cuda", 1, []),
        ([], "auto", 1, []),
    ],
)
def test_workers_that_can_run_a_job(
    members: list[Member], device: str, memory: int, able: list[Member]
) -> None:
    assert Fleet(members).able(device, memory) == able
