"""The service of jobs: every operation, in one module.

People submit, cancel, pause, resume, retry, fork and read jobs; a worker's supervisor claims jobs, sends heartbeats, reports and
finishes attempts.
"""

from collections.abc import Collection, Sequence

from control.checkpoints.service import commit_checkpoint
from control.db import ReadSession
from control.errors import NotFound
from control.jobs import repository
from control.jobs.deletion import delete
from control.jobs.presenters import job_out, lineage_node, summaries
from control.jobs.retry import retry
from control.jobs.schemas import LineageOut, LogOut
from control.jobs.submission import fork, submit, validate_document
from control.lifecycle import repository as lifecycle
from control.lifecycle.intents import request, resume
from control.lifecycle.leases import LeaseLost, heartbeat
from control.lifecycle.models import Attempt, Event, Job
from control.lifecycle.outcomes import Completed, Failed, Paused, Result, Stopped, finish
from control.lifecycle.presenters import event_out, progress
from control.lifecycle.reports import (
    engine_prepared,
    engine_started,
    note,
    record_event,
    record_log_tail,
    record_points,
)
from control.lifecycle.schemas import State
from control.lifecycle.transitions import InvalidTransition
from control.metrics.repository import Point
from control.paging import Slice, newest_first
from control.scheduling.claims import Claim, ClaimedFile, claim

__all__ = [
    "Claim",
    "ClaimedFile",
    "Completed",
    "Failed",
    "InvalidTransition",
    "LeaseLost",
    "Paused",
    "Point",
    "Result",
    "Stopped",
    "attempt_of",
    "claim",
    "commit_checkpoint",
    "delete",
    "engine_prepared",
    "engine_started",
    "event_out",
    "events",
    "finish",
    "fork",
    "get",
    "heartbeat",
    "job_out",
    "lineage",
    "list_jobs",
    "log_tail",
    "note",
    "progress",
    "record_event",
    "record_log_tail",
    "record_points",
    "request",
    "resume",
    "retry",
    "submit",
    "summaries",
    "validate_document",
]


def get(session: ReadSession, project_id: str, job_id: str) -> Job:
    """A job of the project.

    Raises:
        NotFound: ``job_not_found``.
    """
    job = lifecycle.of_project(session, project_id, job_id)
    if job is None:
        raise NotFound("job_not_found", f"There is no job {job_id} in this project.", params={"job": job_id})
    return job


def list_jobs(
    session: ReadSession,
    project_id: str,
    *,
    states: Collection[State] = (),
    dataset_id: str | None = None,
    name: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Slice[Job]:
    """The project's jobs, newest first.

    Args:
        states: Only jobs in one of these states; empty: in any.
        name: Only jobs whose names contain this, in any case.
    """
    query = repository.filtered(project_id, states=states, dataset_id=dataset_id, name=name)
    return newest_first(session, query, Job.id, limit=limit, cursor=cursor)


def events(session: ReadSession, job_id: str, *, after: int = 0, limit: int = 200) -> Sequence[Event]:
    """At most `limit` events of a job with ids above `after`, oldest first."""
    return lifecycle.events_after(session, job_id, after, limit)


def attempt_of(session: ReadSession, job: Job, number: int | None = None) -> Attempt:
    """One attempt of a job; with None, the newest.

    Raises:
        NotFound: ``log_not_found``: there was no such attempt.
    """
    found = lifecycle.attempt(session, job.id, job.attempt if number is None else number)
    if found is None:
        raise NotFound(
            "log_not_found",
            f"{job.id} has had {job.attempt} attempts; there is no other.",
            param="attempt",
            params={"job": job.id, "attempts": job.attempt},
        )
    return found


def log_tail(session: ReadSession, job: Job, number: int | None = None) -> LogOut:
    """The last lines of an attempt's log; empty where the job has not run yet.

    Raises:
        NotFound: ``log_not_found``: there was no such attempt.
    """
    if number is None and job.attempt == 0:
        return LogOut(job=job.id, attempt=0, text="", bytes=0, complete=False)
    attempt = attempt_of(session, job, number)
    return LogOut(
        job=job.id,
        attempt=attempt.number,
        text=attempt.log_tail,
        bytes=attempt.log_bytes,
        complete=attempt.log_key is not None,
    )


def lineage(session: ReadSession, job: Job) -> LineageOut:
    """The jobs that a job was forked from, and those that were forked from it."""
    return LineageOut(
        job=job.id,
        ancestors=[lineage_node(other) for other in repository.ancestors(session, job)],
        descendants=[lineage_node(other) for other in repository.descendants(session, job)],
    )
