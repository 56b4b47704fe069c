"""Retry: a failed or cancelled job goes back to the queue."""

from control.checkpoints.repository import reference, starting_points
from control.datasets import repository as datasets
from control.db import ReadSession, WriteSession
from control.errors import Conflict, NotFound
from control.jobs.ancestry import missing_data
from control.jobs.deletion import START_DELETED
from control.jobs.schemas import RetryIn
from control.lifecycle import repository
from control.lifecycle.models import Job
from control.lifecycle.transitions import InvalidTransition, transition


def retry(session: WriteSession, project_id: str, job_id: str, body: RetryIn | None = None) -> Job:
    """Send a failed or cancelled job back to the queue with its full retry limit, to resume from its newest checkpoint.

    Args:
        body: What changes in its spec.

    Raises:
        NotFound: ``job_not_found``, or ``dataset_not_found``: its dataset, or that of an earlier stage, was deleted since.
        InvalidTransition: it is neither failed nor cancelled.
        Conflict: ``no_checkpoint``: it is a fork, and what it starts from was deleted since, or its teacher was; ``time_limit``: it has used
            up its ``resources.max_seconds``.
    """
    job = repository.lock(session, project_id, job_id)
    if job.state not in {"failed", "cancelled"}:
        raise InvalidTransition(job, "retried")
    dataset = datasets.share(session, job.dataset_id)
    if dataset.state != "ready":
        raise NotFound(
            "dataset_not_found",
            f"Its dataset {dataset.id} was deleted, so it cannot run again.",
            params={"case": "deleted", "dataset": dataset.id},
        )
    if gone := missing_data(session, job):
        raise NotFound(
            "dataset_not_found",
            f"The dataset {gone} of an earlier stage was deleted, so {job.id} cannot run again as it was. Submit a new job from "
            "the same checkpoint: it is told what still works.",
            params={"case": "earlier_deleted", "dataset": gone, "job": job.id},
        )
    if _start_is_gone(session, job):
        raise Conflict(
            "no_checkpoint",
            f"The checkpoint that {job.id} starts from was deleted, and it has none of its own. Submit a new job instead.",
            params={"case": "start_deleted", "job": job.id},
        )
    if _teacher_is_gone(session, job):
        raise Conflict(
            "no_checkpoint",
            f"The checkpoint that {job.id} learns from was deleted. Submit a new job with another teacher instead.",
            params={"case": "teacher_deleted", "job": job.id},
        )
    resources = dict(job.spec["resources"])
    if body is not None and "max_seconds" in body.model_fields_set:
        resources["max_seconds"] = body.max_seconds
    limit = resources.get("max_seconds")
    if limit is not None and job.seconds_used >= limit:
        raise Conflict(
            "time_limit",
            f"{job.id} has used {job.seconds_used:,.0f} s, and its resources.max_seconds is {limit:,g}. Retry it with a "
            "larger max_seconds, or null for no limit.",
            params={"job": job.id, "seconds_used": job.seconds_used, "limit_seconds": limit},
            param="max_seconds",
        )
    job.spec = job.spec | {"resources": resources}
    job.retries_used = 0
    transition(session, job, "queued", code="retry_requested")
    return job


def _teacher_is_gone(session: ReadSession, job: Job) -> bool:
    if job.spec.get("distillation") is None:
        return False
    return job.teacher_checkpoint_id is None or reference(session, job.teacher_checkpoint_id) is None


def _start_is_gone(session: ReadSession, job: Job) -> bool:
    """Whether a fork has no checkpoint left to start from; it would silently train from fresh weights."""
    forked = job.parent_checkpoint_id is not None or START_DELETED in job.options
    return forked and not starting_points(session, job.id, job.parent_checkpoint_id)
