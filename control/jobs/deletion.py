"""Deletion of an ended job with everything that it made: points, events, logs, samples, checkpoints, exports."""

from control.checkpoints import repository as checkpoints
from control.db import WriteSession, set_for_transaction
from control.errors import Conflict
from control.jobs import repository as jobs
from control.lifecycle import repository
from control.lifecycle.models import Job
from control.lifecycle.schemas import Purpose
from control.lifecycle.states import TERMINAL
from control.removals.service import remove_prefixes
from control.storage import Storage

START_DELETED = "start_deleted"
"""Key in a fork's options: the checkpoint that it starts from was deleted before the fork had written one."""


def delete(session: WriteSession, storage: Storage, project_id: str, job_id: str) -> None:
    """Delete a training job; its files leave the storage after the commit. Forks of it stay.

    Raises:
        NotFound: ``job_not_found``.
        Conflict: ``not_over``: cancel it first; ``job_in_use``: a fork or an export still needs a checkpoint of it.
    """
    # Forks and exports are created under this lock, so no new one can start to use the job's checkpoints from here on.
    job = _lock_over(session, project_id, job_id, "train")
    _refuse_if_needed(session, job)
    short_jobs = jobs.short_jobs_of(session, job.id)
    jobs.mark_forks(session, job.id, START_DELETED)
    # Deleting millions of points may take longer than the statement timeout of a request.
    set_for_transaction(session, "statement_timeout", "10min")
    _delete_rows(session, storage, [*short_jobs, job.id])


def delete_short_job(
    session: WriteSession, storage: Storage, project_id: str, purpose: Purpose, short_job_id: str
) -> None:
    """Delete a short job that is over, with the files that it made.

    Raises:
        NotFound: ``job_not_found``; Conflict: ``not_over``.
    """
    _delete_rows(session, storage, [_lock_over(session, project_id, short_job_id, purpose).id])


def _lock_over(session: WriteSession, project_id: str, job_id: str, purpose: Purpose) -> Job:
    job = repository.lock(session, project_id, job_id, purpose=purpose)
    if job.state not in TERMINAL:
        what = "job" if purpose == "train" else purpose
        raise Conflict(
            "not_over",
            f"{job.id} is {job.state}. Cancel it first (POST /v1/{what}s/{job.id}/cancel) and wait until it has stopped, "
            "then delete it.",
            param=what,
            params={"what": what, "id": job.id, "state": job.state},
        )
    return job


def _refuse_if_needed(session: WriteSession, job: Job) -> None:
    needed_by = sorted(
        {user for users in checkpoints.starting_from(session, job.id).values() for user in users}
    )
    if needed_by:
        named = ", ".join(needed_by[:5]) + (f" and {len(needed_by) - 5} more" if len(needed_by) > 5 else "")
        raise Conflict(
            "job_in_use",
            f"Checkpoints of {job.id} are still needed by {named}. Cancel what needs them or let it finish, then delete.",
            param="job",
            params={"job": job.id, "jobs": needed_by[:5], "more": max(0, len(needed_by) - 5)},
        )


def _delete_rows(session: WriteSession, storage: Storage, ids: list[str]) -> None:
    jobs.delete(session, ids)
    remove_prefixes(session, storage, [f"jobs/{job_id}" for job_id in ids])
