"""Deletion of a checkpoint by its id; `control.checkpoints.service` applies a job's retention rule."""

from sqlalchemy import func

from control.checkpoints import repository, service
from control.checkpoints.models import Checkpoint
from control.checkpoints.purging import purge
from control.db import ReadSession, WriteSession, after_commit
from control.errors import Conflict
from control.lifecycle import repository as jobs
from control.lifecycle.events import record
from control.lifecycle.models import Job
from control.lifecycle.states import TERMINAL
from control.storage import Storage


def delete(session: WriteSession, storage: Storage, project_id: str, checkpoint_id: str) -> None:
    """Delete a checkpoint; its files leave the storage after the commit.

    Raises:
        NotFound: ``checkpoint_not_found``.
        Conflict: ``checkpoint_in_use``: its job, a fork or an export still needs it.
    """
    owner = service.get(session, project_id, checkpoint_id).job_id
    # Forks, exports and retention lock the row of the job whose checkpoint they use.
    job = jobs.lock_of_project(session, project_id, owner, purpose=None)
    checkpoint = service.get(session, project_id, checkpoint_id)
    assert job is not None  # a deleted job has no checkpoints
    _refuse_if_needed(session, job, checkpoint)
    checkpoint.deleted_at = func.clock_timestamp()
    session.flush()
    record(
        session,
        job,
        "checkpoint_deleted",
        {"step": checkpoint.step},
        data={"checkpoint": checkpoint.id, "step": checkpoint.step},
    )
    bind, prefix = session.get_bind(), checkpoint.prefix
    after_commit(session, lambda: purge(bind, storage, checkpoint_id, prefix))


def _refuse_if_needed(session: ReadSession, job: Job, checkpoint: Checkpoint) -> None:
    if job.state not in TERMINAL:
        newest = repository.present(session, job.id)[0]
        if newest.id == checkpoint.id:
            raise Conflict(
                "checkpoint_in_use",
                f"Job {job.id} is {job.state} and goes on from {checkpoint.id}, its newest checkpoint. Delete an older "
                "one, or cancel the job first.",
                param="checkpoint",
                params={"case": "newest", "job": job.id, "state": job.state, "checkpoint": checkpoint.id},
            )
    needed_by = repository.starting_from(session, job.id).get(checkpoint.id)
    if needed_by:
        raise Conflict(
            "checkpoint_in_use",
            f"{_named(needed_by)} not over and start from {checkpoint.id}. Cancel them or let them finish, then delete."
            if len(needed_by) > 1
            else f"{_named(needed_by)} not over and starts from {checkpoint.id}. Cancel it or let it finish, then delete.",
            param="checkpoint",
            params={"case": "start", "jobs": needed_by, "checkpoint": checkpoint.id},
        )


_NAMED = 5


def _named(ids: list[str]) -> str:
    """The first ids and the number of further ones, with the verb."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{', '.join(ids[:_NAMED])}{more} {'is' if len(ids) == 1 else 'are'}"
