"""What people ask of a job: cancel, pause, resume, retry. Asking for what already holds changes nothing."""

from typing import Literal

from control.checkpoints.repository import starting_points
from control.datasets.models import Dataset
from control.db import ReadSession, WriteSession
from control.errors import Conflict, NotFound
from control.jobs import repository
from control.jobs.asking import ask
from control.jobs.deletion import START_DELETED
from control.jobs.models import Job
from control.jobs.schemas import Purpose, RetryIn, State
from control.jobs.transitions import InvalidTransition, transition

Verb = Literal["cancel", "pause"]

_AIMS: dict[Verb, State] = {"cancel": "cancelled", "pause": "paused"}
_ASKED = {
    "cancel": "Cancel was asked for: the engine finishes its step, writes a checkpoint and stops.",
    "pause": "Pause was asked for: the engine finishes its step, writes a checkpoint and stops.",
}


def request(
    session: WriteSession, project_id: str, job_id: str, verb: Verb, *, purpose: Purpose = "train"
) -> Job:
    """Cancel or pause a job: at once where nothing runs, else by asking its supervisor.

    Raises:
        NotFound: ``job_not_found``.
        InvalidTransition: the job is over, or being cancelled (for a pause).
    """
    job = _lock(session, project_id, job_id, purpose)
    aim = _AIMS[verb]
    if job.state == aim or job.intent == verb:
        return job
    if job.state != "running":
        transition(session, job, aim, event=aim, message=f"{aim.capitalize()} while it was {job.state}.")
        return job
    if job.intent == "cancel":
        raise Conflict(
            "invalid_transition", f"{job.id} is being cancelled: a job in this state cannot be paused."
        )
    job.intent = verb
    ask(session, job, f"{verb}_requested", _ASKED[verb])
    return job


def resume(session: WriteSession, project_id: str, job_id: str) -> Job:
    """Send a paused job back to the queue, to continue from its newest checkpoint; or call a pause off.

    Raises:
        NotFound: ``job_not_found``.
        InvalidTransition: it is not paused.
    """
    job = _lock(session, project_id, job_id)
    if job.state == "running" and job.intent == "pause":
        job.intent = None
        ask(session, job, "pause_withdrawn", "The pause was called off before it took hold.")
        return job
    if job.state != "paused":
        raise InvalidTransition(job, "resumed")
    transition(session, job, "queued", event="resumed", message="Resumed; waits for a worker.")
    return job


def retry(session: WriteSession, project_id: str, job_id: str, body: RetryIn | None = None) -> Job:
    """Send a failed or cancelled job back to the queue with all its retries, to continue from its newest checkpoint.

    Args:
        body: What changes of its spec.

    Raises:
        NotFound: ``job_not_found``, or ``dataset_not_found``: its dataset was deleted since.
        InvalidTransition: it is neither failed nor cancelled.
        Conflict: ``no_checkpoint``: it is a fork, and what it starts from was deleted since; ``time_limit``: it has used
            up its ``resources.max_seconds``.
    """
    job = _lock(session, project_id, job_id)
    if job.state not in {"failed", "cancelled"}:
        raise InvalidTransition(job, "retried")
    dataset = session.get_one(Dataset, job.dataset_id, with_for_update={"read": True}, populate_existing=True)
    if dataset.state != "ready":
        raise NotFound("dataset_not_found", f"Its dataset {dataset.id} was deleted, so it cannot run again.")
    if _start_is_gone(session, job):
        raise Conflict(
            "no_checkpoint",
            f"The checkpoint that {job.id} starts from was deleted, and it has none of its own. Submit a new job instead.",
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
            param="max_seconds",
        )
    job.spec = job.spec | {"resources": resources}
    job.retries_used = 0
    transition(session, job, "queued", event="retry_requested", message="A retry was asked for.")
    return job


def _start_is_gone(session: ReadSession, job: Job) -> bool:
    """Whether a fork has nothing left to start from; it would silently learn from nothing."""
    forked = job.parent_checkpoint_id is not None or START_DELETED in job.options
    return forked and not starting_points(session, job.id, job.parent_checkpoint_id)


def _lock(session: WriteSession, project_id: str, job_id: str, purpose: Purpose = "train") -> Job:
    job = repository.lock_of_project(session, project_id, job_id, purpose=purpose)
    if job is None:
        raise NotFound("job_not_found", f"There is no job {job_id} in this project.")
    return job
