"""Rows of jobs → schemas for HTTP."""

from collections.abc import Sequence
from typing import Any

from control.checkpoints.repository import counts as checkpoint_counts
from control.db import ReadSession
from control.jobs.continuation import Continuation
from control.jobs.distilled import distillation_facts
from control.jobs.schemas import ContinuationOut, FailureSummary, JobOut, JobSummary, LineageNode, Parent
from control.lifecycle.models import Job
from control.lifecycle.presenters import progress
from control.lifecycle.schemas import Failure, Pause
from control.scheduling.waiting import waiting_reasons
from core.spec.stored import stored


def job_out(session: ReadSession, job: Job) -> JobOut:
    """One job with all fields."""
    facts = _facts(session, [job])[0]
    failure = None if job.failure is None else Failure.model_validate(job.failure)
    distilled = distillation_facts(session, job)
    return JobOut.model_validate(
        facts | {"failure": failure, "distillation": distilled, "spec": stored(job.spec)}
    )


def continuation_out(dataset_id: str, found: Continuation | None) -> ContinuationOut:
    """A proposed job on a version of a dataset, or that there is none."""
    return ContinuationOut(
        dataset=dataset_id,
        job=found and found.job.id,
        checkpoint=found and found.checkpoint.id,
        step=found and found.checkpoint.step,
        spec=found and found.spec,
    )


def summaries(session: ReadSession, jobs: Sequence[Job]) -> list[JobSummary]:
    """Jobs in the order given, with a few queries for all of them."""
    return [
        JobSummary.model_validate(facts | _summary(job))
        for job, facts in zip(jobs, _facts(session, jobs), strict=True)
    ]


def _summary(job: Job) -> dict[str, Any]:
    failure = job.failure
    return {
        "task": job.spec["task"]["kind"],
        "preset": job.spec.get("model", {}).get("preset"),
        "failure": failure and {name: failure.get(name) for name in FailureSummary.model_fields},
    }


def _facts(session: ReadSession, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The fields of `JobFacts`, by their names."""
    checkpoints = checkpoint_counts(session, [job.id for job in jobs])
    reasons = waiting_reasons(session, jobs)
    return [
        {
            "id": job.id,
            "name": job.name,
            "dataset": job.dataset_id,
            "state": job.state,
            "intent": job.intent,
            "waiting_reason": None if waiting is None else waiting.message,
            "waiting": waiting,
            "priority": job.priority,
            "attempt": job.attempt,
            "retries_used": job.retries_used,
            "progress": progress(job),
            "latest": job.latest,
            "pause": None if job.pause is None else Pause.model_validate(job.pause),
            "seconds_used": job.seconds_used,
            "parent": parent(job),
            "worker": job.worker_id,
            "checkpoints": checkpoints.get(job.id, 0),
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        }
        for job in jobs
        for waiting in (reasons.get(job.id),)
    ]


def parent(job: Job) -> Parent | None:
    """Where a job started from. A fork made by an earlier version has no ``scope``: it took the whole checkpoint."""
    if job.parent_checkpoint_id is None:
        return None
    scope = (job.spec.get("start") or {}).get("scope", "all")
    return Parent(job=job.parent_job_id, checkpoint=job.parent_checkpoint_id, scope=scope)


def lineage_node(job: Job) -> LineageNode:
    """A job as an entry of another job's lineage."""
    return LineageNode.model_validate(
        {"id": job.id, "name": job.name, "state": job.state, "parent": parent(job)}
    )
