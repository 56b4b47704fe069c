"""Which job a worker claims, and that each is claimed once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, text

from control.db import WriteSession, write
from control.errors import NotFound
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle.models import Attempt, Job
from control.workers import service as workers
from tests.factories import (
    let_pass,
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_worker,
)


def _claimed(session: WriteSession, worker: str) -> str | None:
    claim = jobs.claim(session, worker)
    return claim.job_id if claim else None


def test_a_claim_carries_what_the_run_needs(session: WriteSession) -> None:
    job, claim = make_running(session)
    assert (claim.job_id, claim.project_id, claim.attempt) == (job.id, job.project_id, 1)
    assert claim.spec == job.spec
    assert claim.spec["training"]["optimizer"]["beta2"] == 0.98, "defaults are written out"
    assert [(file.name, file.sha256) for file in claim.files] == [("corpus.txt", "0" * 64)]
    assert claim.resume is None
    assert claim.lease_seconds == 30.0


def test_an_empty_queue_gives_nothing(session: WriteSession) -> None:
    assert jobs.claim(session, make_worker(session)) is None


def test_a_worker_that_never_registered_gets_nothing(session: WriteSession) -> None:
    make_job(session)
    with pytest.raises(NotFound, match="wrk_unknown"):
        jobs.claim(session, "wrk_unknown")


def test_a_second_wake_up_for_one_job_claims_nothing(session: WriteSession) -> None:
    _, claim = make_running(session)
    assert jobs.claim(session, make_worker(session)) is None
    assert session.scalar(select(func.count()).select_from(Attempt)) == claim.attempt


def test_higher_priority_is_claimed_first(session: WriteSession) -> None:
    make_job(session, priority=-5)
    first = make_job(session)
    urgent = make_job(session, priority=7)
    worker = make_worker(session)
    assert _claimed(session, worker) == urgent.id
    assert _claimed(session, worker) == first.id


def test_jobs_of_equal_priority_in_a_project_are_claimed_in_queue_order(session: WriteSession) -> None:
    project = make_project(session)
    waiting = [make_job(session, project).id for _ in range(3)]
    worker = make_worker(session)
    assert [_claimed(session, worker) for _ in range(4)] == [*waiting, None]


def test_projects_share_slots_among_jobs_of_equal_priority(session: WriteSession) -> None:
    greedy, modest = make_project(session), make_project(session)
    many = [make_job(session, greedy).id for _ in range(4)]
    one = make_job(session, modest).id
    worker = make_worker(session)
    assert [_claimed(session, worker) for _ in range(3)] == [many[0], one, many[1]]


def test_ended_jobs_of_a_project_do_not_count_as_running(session: WriteSession) -> None:
    first, second = make_project(session), make_project(session)
    worker = make_worker(session)
    done = make_job(session, first)
    claim = jobs.claim(session, worker)
    assert claim
    jobs.finish(session, done.id, claim.attempt, jobs.Completed())
    earlier = make_job(session, first).id
    make_job(session, second)
    assert _claimed(session, worker) == earlier


@pytest.mark.parametrize(
    ("device", "online", "takes"),
    [
        ("cpu", ["cpu"], "cpu"),
        ("cpu", ["cpu", "cuda"], "cpu"),
        ("cpu", ["cuda"], "cuda"),
        ("cuda", ["cpu"], None),
        ("cuda", ["cpu", "cuda"], "cuda"),
        ("auto", ["cpu"], "cpu"),
        ("auto", ["cpu", "cuda"], "cuda"),
        ("auto", ["cuda"], "cuda"),
    ],
)
def test_a_job_is_claimed_by_the_kind_of_worker_that_it_needs(
    session: WriteSession, device: str, online: list[str], takes: str | None
) -> None:
    job = make_job(session, resources={"device": device})
    fleet = {kind: make_worker(session, kind) for kind in online}  # type: ignore[arg-type]
    wrong = [worker for kind, worker in fleet.items() if kind != takes]
    assert [_claimed(session, worker) for worker in wrong] == [None] * len(wrong)
    if takes:
        assert _claimed(session, fleet[takes]) == job.id


def test_a_cpu_worker_claims_auto_jobs_if_no_gpu_worker_is_online(session: WriteSession) -> None:
    job = make_job(session)
    gpu, cpu = make_worker(session, "cuda"), make_worker(session)
    assert jobs.claim(session, cpu) is None
    workers.stopped(session, gpu)
    assert _claimed(session, cpu) == job.id


def test_a_gpu_worker_without_heartbeats_blocks_no_job(session: WriteSession) -> None:
    job = make_job(session)
    make_worker(session, "cuda")
    let_pass(session, 21)
    assert _claimed(session, make_worker(session)) == job.id


def test_a_job_is_claimed_only_by_a_worker_with_enough_memory(session: WriteSession) -> None:
    large = make_job(session, priority=5)
    large.memory_bytes = 20 * 2**30
    small = make_job(session)
    session.flush()
    assert _claimed(session, make_worker(session, memory_gib=8)) == small.id
    assert _claimed(session, make_worker(session, memory_gib=32)) == large.id


def test_an_auto_job_too_large_for_the_gpu_goes_to_a_large_cpu_worker(session: WriteSession) -> None:
    job = make_job(session)
    job.memory_bytes = 20 * 2**30
    session.flush()
    assert _claimed(session, make_worker(session, "cuda", memory_gib=8)) is None
    assert _claimed(session, make_worker(session, memory_gib=64)) == job.id


def test_a_later_attempt_resumes_from_the_newest_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session)
    for step in (10, 20):
        make_checkpoint(session, claim, step)
    jobs.finish(session, job.id, 1, jobs.Stopped(75))
    again = jobs.claim(session, make_worker(session))
    assert again
    assert again.attempt == 2
    assert [checkpoint.step for checkpoint in again.checkpoints] == [20, 10]
    assert again.resume
    assert again.resume.prefix == f"jobs/{job.id}/attempt-1/step-20"


def test_a_later_attempt_gets_the_decisions_of_the_first_one(session: WriteSession) -> None:
    job, claim = make_running(session)
    assert claim.decisions == {}
    for name, choice in (("precision", "bf16"), ("batch_size", 64)):
        decision = {"name": name, "choice": choice, "reason": "Faster."}
        jobs.record_event(session, job.id, 1, "decision", decision, data=decision)
    jobs.finish(session, job.id, 1, jobs.Stopped(75))
    second = jobs.claim(session, make_worker(session))
    assert second
    assert second.decisions == {"precision": "bf16", "batch_size": 64}
    other = {"name": "precision", "choice": "fp32", "reason": "Safer."}
    jobs.record_event(session, job.id, 2, "decision", other, data=other)
    jobs.finish(session, job.id, 2, jobs.Stopped(75))
    third = jobs.claim(session, make_worker(session))
    assert third
    assert third.decisions["precision"] == "bf16", "its numbers are in the series already"


def test_a_fork_starts_from_its_parents_checkpoint_until_it_has_its_own(session: WriteSession) -> None:
    job, claim = make_running(session)
    parent = make_checkpoint(session, claim, 30)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    worker = make_worker(session)
    first = jobs.claim(session, worker)
    assert first
    assert first.job_id == child.id
    assert first.resume
    assert (first.resume.id, first.resume.job_id) == (parent.id, job.id)
    own = make_checkpoint(session, first, 40)
    jobs.finish(session, child.id, 1, jobs.Stopped(75))
    second = jobs.claim(session, worker)
    assert second
    assert [checkpoint.id for checkpoint in second.checkpoints] == [own.id, parent.id]


def test_concurrent_claims_never_take_the_same_job(engine: Engine) -> None:
    with write(engine) as session:
        project = make_project(session)
        dataset = make_dataset(session, project)
        wanted = {make_job(session, project, dataset=dataset).id for _ in range(6)}
        fleet = [make_worker(session) for _ in range(8)]
    barrier = Barrier(len(fleet))

    def claim(worker: str) -> str | None:
        barrier.wait()
        with write(engine) as session:
            return _claimed(session, worker)

    with ThreadPoolExecutor(len(fleet)) as pool:
        results = list(pool.map(claim, fleet))
    won = [job for job in results if job is not None]
    assert sorted(won) == sorted(wanted)
    with write(engine) as session:
        assert session.scalars(select(Job.attempt)).all() == [1] * 6
        assert session.scalar(select(func.count()).select_from(Attempt)) == 6


def test_a_job_locked_by_another_claim_is_skipped(engine: Engine) -> None:
    with write(engine) as session:
        urgent = make_job(session, priority=9).id
        other = make_job(session).id
        workers_ = [make_worker(session), make_worker(session)]
    with write(engine) as first:
        assert _claimed(first, workers_[0]) == urgent
        with write(engine) as second:
            assert _claimed(second, workers_[1]) == other


def test_the_cost_of_a_claim_does_not_grow_with_history(engine: Engine) -> None:
    """Checked by the query plan, not by time: the queue is read through its own index."""
    with write(engine) as session:
        job = make_job(session)
        session.execute(
            text("""
                INSERT INTO jobs (id, project_id, dataset_id, name, spec, state, steps, finished_at)
                SELECT 'job_' || n, :project, :dataset, 'old', '{}', 'succeeded', 1, now()
                FROM generate_series(1, 20000) AS n
            """),
            {"project": job.project_id, "dataset": job.dataset_id},
        )
        session.execute(text("ANALYZE jobs"))
        worker = make_worker(session)
    with write(engine) as session:
        session.execute(
            text("SET LOCAL enable_seqscan = off")
        )  # so that the plan has a scan only if no index can be used
        before = session.execute(
            text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'jobs'")
        ).scalar()
        assert _claimed(session, worker) == job.id
        after = session.execute(
            text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'jobs'")
        ).scalar()
        assert before == after
