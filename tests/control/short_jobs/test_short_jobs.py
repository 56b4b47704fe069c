"""Short jobs: jobs of other purposes. In the same queue, under the same rules, and in no list of jobs."""

import pytest

from control.checkpoints import service as checkpoints
from control.db import WriteSession
from control.errors import Conflict, Invalid, NotFound
from control.jobs import service as jobs
from control.jobs.service import LeaseLost
from control.lifecycle.models import Job
from control.lifecycle.outcomes import lease_expired
from control.scheduling.dispatch import Waiting, plan
from control.scheduling.slots import slots
from control.settings import settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from control.short_jobs.presenters import short_job_out
from tests.factories import (
    let_pass,
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_spec,
    make_worker,
)

RESULT = {
    "device": "cpu",
    "device_name": "CPU",
    "threads": 2,
    "precision": "fp32",
    "parameters": 1000,
    "steps_timed": 20,
    "step_seconds": {"median": 0.1, "low": 0.09, "high": 0.12},
    "samples_per_s": 80.0,
    "tokens_per_s": 5120.0,
    "peak_memory_bytes": 2**28,
    "largest_batch": None,
    "eta": {"seconds": 11.0, "low": 10.0, "high": 13.0},
    "flops_per_step": 1e9,
    "peak": {"flops_per_s": 1e11, "how": "measured"},
    "utilization": 0.1,
    "evaluation_seconds": 0.5,
    "preparation_seconds": 0.5,
    "data_sampled": False,
}


def make_estimate(session: WriteSession, project: str | None = None) -> Job:
    project = project or make_project(session)
    spec = make_spec(make_dataset(session, project))
    return short_jobs.create_from_spec(session, ESTIMATE, project, spec, EstimateOptions(largest_batch=True))


def test_an_estimate_goes_through_the_queue_and_has_a_result(session: WriteSession) -> None:
    worker = make_worker(session)
    short_job = make_estimate(session)
    out = short_job_out(session, ESTIMATE, short_job)
    assert (out.id[:4], out.state, out.result) == ("est_", "queued", None)
    assert out.waiting_reason
    claim = jobs.claim(session, worker)
    assert claim
    assert (claim.job_id, claim.purpose, claim.options) == (short_job.id, "estimate", {"largest_batch": True})
    assert len(claim.files) == 1
    jobs.finish(session, short_job.id, claim.attempt, jobs.Completed(result=RESULT))
    out = short_job_out(session, ESTIMATE, short_job)
    assert out.state == "succeeded"
    assert out.result
    assert out.result.eta.high == 13.0


def test_lists_and_operations_of_jobs_do_not_find_short_jobs(session: WriteSession) -> None:
    make_worker(session)
    project = make_project(session)
    job, short_job = make_job(session, project), make_estimate(session, project)
    assert [found.id for found in jobs.list_jobs(session, project).rows] == [job.id]
    with pytest.raises(NotFound, match="no job"):
        jobs.get(session, project, short_job.id)
    with pytest.raises(NotFound, match="no job"):
        jobs.request(session, project, short_job.id, "cancel")
    with pytest.raises(NotFound, match="no export"):
        short_jobs.get(session, EXPORT, project, short_job.id)
    with pytest.raises(NotFound, match="no estimate"):
        short_jobs.get(session, ESTIMATE, make_project(session), short_job.id)


def test_without_a_worker_an_estimate_is_refused_with_a_message(session: WriteSession) -> None:
    with pytest.raises(Conflict, match="No worker is online") as caught:
        make_estimate(session)
    assert caught.value.code == "no_worker_online"


def test_a_short_job_is_claimed_first_and_preempts_nothing(session: WriteSession) -> None:
    worker = make_worker(session)
    make_job(session, resources={"preemptible": True}, priority=-5)
    running = jobs.claim(session, worker)
    assert running
    waiting, short_job = make_job(session, priority=50), make_estimate(session)
    head = [
        Waiting(row.id, row.device, row.memory_bytes, row.priority, row.queued_at, row.purpose == "train")
        for row in (short_job, waiting)
    ]
    assert plan(head[:1], slots(session)).preempt == {}, "an estimate waits"
    assert plan(head, slots(session)).preempt == {running.job_id: waiting.id}, (
        "a job of higher priority need not"
    )
    jobs.finish(session, running.job_id, running.attempt, jobs.Completed())
    claim = jobs.claim(session, worker)
    assert claim
    assert claim.job_id == short_job.id


def test_a_short_job_whose_worker_is_lost_is_retried_once(session: WriteSession) -> None:
    worker = make_worker(session)
    short_job = make_estimate(session)
    lost = jobs.Failed("worker_lost", "Lost.", retryable=True)
    for attempt in (1, 2):
        assert jobs.claim(session, worker)
        jobs.finish(session, short_job.id, attempt, lost)
    assert short_job.state == "failed"
    failure = short_job_out(session, ESTIMATE, short_job).failure
    assert failure
    assert failure.code == "worker_lost"


def test_cancel_stops_a_running_short_job_and_removes_a_queued_one(session: WriteSession) -> None:
    worker = make_worker(session)
    short_job = make_estimate(session)
    assert short_jobs.cancel(session, ESTIMATE, short_job.project_id, short_job.id).state == "cancelled"
    short_job = make_estimate(session)
    claim = jobs.claim(session, worker)
    assert claim
    assert short_jobs.cancel(session, ESTIMATE, short_job.project_id, short_job.id).intent == "cancel"
    assert jobs.heartbeat(session, short_job.id, claim.attempt) == "cancel"
    jobs.finish(session, short_job.id, claim.attempt, jobs.Stopped(75))
    assert short_job.state == "cancelled"


def test_an_export_gets_its_checkpoint_and_protects_it_from_deletion(session: WriteSession) -> None:
    training = {"steps": 100, "batch_size": 8, "sequence_length": 64, "retention": {"keep_last": 1}}
    job, claim = make_running(session, training=training)
    checkpoint = make_checkpoint(session, claim, 10)
    short_job = short_jobs.create_from_checkpoint(
        session, EXPORT, job.project_id, checkpoint.id, ExportIn(format="onnx")
    )
    make_checkpoint(session, claim, 20)
    kept = [row.step for row in checkpoints.list_of_job(session, job.id)]
    assert kept == [20, 10], "retention waits for the export"
    taken = jobs.claim(session, make_worker(session))
    assert taken
    assert (taken.job_id, taken.purpose) == (short_job.id, "export")
    assert [ref.id for ref in taken.checkpoints] == [checkpoint.id]
    files = [{"path": "model.onnx", "bytes": 7, "sha256": "c" * 64}]
    check = {"runtime": "onnxruntime", "inputs": 3, "largest_difference": 1e-7, "tolerance": 1e-4}
    result = {
        "architecture": "BertForMaskedLM",
        "opset": 18,
        "inputs": ["input_ids"],
        "outputs": ["logits"],
        "parameters": 5,
        "check": check,
        "prefix": f"jobs/{short_job.id}/attempt-1/files",
        "files": files,
    }
    jobs.finish(session, short_job.id, taken.attempt, jobs.Completed(result=result))
    out = short_job_out(session, EXPORT, short_job)
    assert (out.state, out.bytes, out.step, out.checkpoint) == ("succeeded", 7, 10, checkpoint.id)
    make_checkpoint(session, claim, 30)
    assert [row.step for row in checkpoints.list_of_job(session, job.id)] == [30]
    assert jobs.lineage(session, job).descendants == [], "an export is no fork"


def test_a_format_that_is_not_for_the_network_is_refused(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 10)
    with pytest.raises(Invalid, match="GGUF is for language models of the architecture llama") as caught:
        short_jobs.create_from_checkpoint(
            session, EXPORT, job.project_id, checkpoint.id, ExportIn(format="gguf")
        )
    assert (caught.value.code, caught.value.param) == ("export_unsupported", "format")
    assert caught.value.params == {
        "case": "format",
        "format": "gguf",
        "title": "GGUF",
        "suited": "language models of the architecture llama (task causal_lm)",
        "architecture": "bert",
        "task": "masked_lm",
        "formats": ["onnx", "onnx_int8", "torch_export"],
    }
    assert short_jobs.list_of_job(session, EXPORT, job.id) == []


def test_each_format_of_a_checkpoint_is_an_export_of_its_own(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 10)
    made = [
        short_jobs.create_from_checkpoint(
            session, EXPORT, job.project_id, checkpoint.id, ExportIn(format=name)
        ).id
        for name in ("onnx", "onnx_int8", "torch_export", "onnx_int8")
    ]
    assert len(set(made)) == 3
    assert made[1] == made[3]


def test_the_same_export_is_made_once(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 10)
    first = short_jobs.create_from_checkpoint(
        session, EXPORT, job.project_id, checkpoint.id, ExportIn(format="onnx")
    )
    assert (
        short_jobs.create_from_checkpoint(
            session, EXPORT, job.project_id, checkpoint.id, ExportIn(format="onnx")
        ).id
        == first.id
    )
    short_jobs.cancel(session, EXPORT, job.project_id, first.id)
    again = short_jobs.create_from_checkpoint(
        session, EXPORT, job.project_id, checkpoint.id, ExportIn(format="onnx")
    )
    assert again.id != first.id, "one that was cancelled is no answer"
    assert [row.id for row in short_jobs.list_of_job(session, EXPORT, job.id)] == [again.id, first.id]


def test_an_expired_lease_sends_a_short_job_back(session: WriteSession) -> None:
    worker = make_worker(session)
    short_job = make_estimate(session)
    claim = jobs.claim(session, worker)
    assert claim
    let_pass(session, settings().lease_seconds + 1)
    assert jobs.heartbeat(session, short_job.id, claim.attempt) is None, "late, and nobody had noticed"


def test_only_the_attempt_that_holds_a_short_job_writes_its_result_and_only_once(
    session: WriteSession,
) -> None:
    worker = make_worker(session)
    short_job = make_estimate(session)
    late = jobs.claim(session, worker)
    assert late
    let_pass(session, settings().lease_seconds + 1)
    lease_expired(session, short_job)
    claim = jobs.claim(session, worker)
    assert claim
    assert (claim.job_id, claim.attempt) == (short_job.id, 2)
    with pytest.raises(LeaseLost):
        jobs.finish(session, short_job.id, late.attempt, jobs.Completed(result={"of": "attempt 1"}))
    jobs.finish(session, short_job.id, claim.attempt, jobs.Completed(result=RESULT))
    for attempt in (late.attempt, claim.attempt):
        with pytest.raises(LeaseLost):
            jobs.finish(session, short_job.id, attempt, jobs.Completed(result={"of": "later"}))
    assert (short_job.state, short_job.result) == ("succeeded", RESULT)
