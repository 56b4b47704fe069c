"""The reasons why a queued job waits."""

from typing import Any

import pytest

from control.db import WriteSession
from control.jobs import service as jobs
from control.lifecycle.models import Job
from tests.factories import make_job, make_project, make_running, make_worker

GPU = {"resources": {"device": "cuda"}}


def _reason(session: WriteSession, job: Job) -> str | None:
    return jobs.job_out(session, job).waiting_reason


def test_no_worker_is_online(session: WriteSession) -> None:
    assert _reason(session, make_job(session)) == "no worker is online"


def test_no_gpu_worker_is_online(session: WriteSession) -> None:
    make_worker(session)
    assert _reason(session, make_job(session, **GPU)) == "no worker is online that offers a GPU"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "it needs about 30 GiB of memory, and the largest worker online has 24 GiB"),
        (GPU, "it needs about 30 GiB of memory, and the largest GPU worker online has 8 GiB"),
    ],
)
def test_no_worker_has_enough_memory(session: WriteSession, changes: dict[str, Any], sentence: str) -> None:
    make_worker(session, "cuda", memory_gib=8)
    make_worker(session, memory_gib=24)
    job = make_job(session, **changes)
    job.memory_bytes = 30 * 2**30
    session.flush()
    assert _reason(session, job) == sentence


def test_a_worker_is_free(session: WriteSession) -> None:
    make_worker(session)
    assert _reason(session, make_job(session)) == "a worker is free and takes it in a moment"


def test_all_workers_are_busy(session: WriteSession) -> None:
    project = make_project(session)
    make_running(session, resources={"device": "cpu"})
    line = [make_job(session, project) for _ in range(3)]
    assert [_reason(session, job) for job in line] == [
        "the only worker is busy; it is the next",
        "the only worker is busy; 1 job is ahead",
        "the only worker is busy; 2 jobs are ahead",
    ]
    urgent = make_job(session, priority=1)
    assert _reason(session, urgent) == "the only worker is busy; it is the next"
    assert _reason(session, line[0]) == "the only worker is busy; 1 job is ahead"


def test_only_jobs_for_the_same_workers_are_ahead(session: WriteSession) -> None:
    make_running(session, resources={"device": "cpu"})
    make_running(session, resources={"device": "cpu"})
    make_job(session, **GPU)
    assert _reason(session, make_job(session)) == "all 2 workers are busy; it is the next"


def test_a_slot_becomes_free_soon(session: WriteSession) -> None:
    running, _ = make_running(session)
    job = make_job(session)
    running.intent = "preempt"
    session.flush()
    assert _reason(session, job) == "a running job is being stopped, which makes room for it"


def test_jobs_ahead_are_counted_up_to_a_limit(session: WriteSession) -> None:
    running, _ = make_running(session)
    for _ in range(101):
        make_job(session, running.project_id, dataset=running.dataset_id)
    last = make_job(session, running.project_id, dataset=running.dataset_id)
    assert _reason(session, last) == "the only worker is busy; more than 100 jobs are ahead"


@pytest.mark.parametrize("state", ["running", "paused", "succeeded"])
def test_only_a_queued_job_has_a_waiting_reason(session: WriteSession, state: str) -> None:
    job, claim = make_running(session)
    if state == "paused":
        jobs.request(session, job.project_id, job.id, "pause")
        jobs.finish(session, job.id, claim.attempt, jobs.Stopped())
    elif state == "succeeded":
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    assert job.state == state
    assert _reason(session, job) is None
