"""The service of planned lineages: submit, list, cancel, resume and delete them."""

from control.db import ReadSession, WriteSession, now
from control.errors import Conflict, NotFound
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.lineages import repository
from control.lineages.models import PlannedLineage
from control.lineages.schemas import LineageState
from control.lineages.states import newest, state_of
from control.lineages.submission import plan
from control.paging import Slice, newest_first

__all__ = ["cancel", "delete", "get", "list_lineages", "plan", "resume"]


def get(session: ReadSession, project_id: str, lineage_id: str, *, lock: bool = False) -> PlannedLineage:
    """A lineage of the project; ``lock``: no other transaction changes it meanwhile.

    Raises:
        NotFound: ``lineage_not_found``.
    """
    lineage = repository.find(session, project_id, lineage_id, lock=lock)
    if lineage is None:
        raise NotFound(
            "lineage_not_found",
            f"There is no lineage {lineage_id} in this project. GET /v1/lineages lists what there is.",
            param="lineage",
            params={"case": "project", "lineage": lineage_id},
        )
    return lineage


def list_lineages(
    session: ReadSession, project_id: str, *, limit: int, cursor: str | None
) -> Slice[PlannedLineage]:
    """The project's lineages, newest first."""
    return newest_first(
        session, repository.of_project(project_id), PlannedLineage.id, limit=limit, cursor=cursor
    )


def cancel(session: WriteSession, project_id: str, lineage_id: str) -> PlannedLineage:
    """Submit no further stage, and cancel the job of the newest one. Repeating this changes nothing.

    Raises:
        NotFound: ``lineage_not_found``; Conflict: ``invalid_transition``: it has succeeded.
    """
    lineage = get(session, project_id, lineage_id, lock=True)
    state, job = _state(session, lineage)
    if state == "succeeded":
        raise _not_allowed(lineage, state, "cancelled")
    if lineage.cancelled_at is None:
        lineage.cancelled_at = now(session)
        session.flush()
    if job is not None and job.state in {"queued", "running", "paused"}:
        jobs.request(session, project_id, job.id, "cancel")
    return lineage


def resume(session: WriteSession, project_id: str, lineage_id: str) -> PlannedLineage:
    """Let a stopped or cancelled lineage go on: the job of its newest stage is retried or resumed, and if it has succeeded the next
    stage is submitted.

    Raises:
        NotFound: ``lineage_not_found``, or what a retry of the job raises.
        Conflict: ``invalid_transition``: it is running or has succeeded, its newest stage's job was deleted, or is still being cancelled; or
            what a retry of the job raises.
    """
    lineage = get(session, project_id, lineage_id, lock=True)
    state, job = _state(session, lineage)
    if state not in {"stopped", "cancelled"}:
        raise _not_allowed(lineage, state, "resumed")
    if job is None:
        raise Conflict(
            "invalid_transition",
            f"The job of the newest stage of {lineage.id} was deleted, so that it cannot be resumed. Submit a new lineage.",
            params={"case": "stage_deleted", "lineage": lineage.id},
        )
    if job.intent == "cancel":
        raise Conflict(
            "invalid_transition",
            f"{job.id} is still being cancelled. Wait until it has stopped, then resume {lineage.id}.",
            params={"case": "stage_stopping", "lineage": lineage.id, "job": job.id},
        )
    lineage.cancelled_at = lineage.failure = None
    session.flush()
    if job.state in {"failed", "cancelled"}:
        jobs.retry(session, project_id, job.id)
    elif job.state == "paused":
        jobs.resume(session, project_id, job.id)
    return lineage


def delete(session: WriteSession, project_id: str, lineage_id: str) -> None:
    """Delete a lineage that does not run. The jobs of its stages stay.

    Raises:
        NotFound: ``lineage_not_found``; Conflict: ``not_over``.
    """
    lineage = get(session, project_id, lineage_id, lock=True)
    state, _ = _state(session, lineage)
    if state == "running":
        raise Conflict(
            "not_over",
            f"{lineage.id} is running. Cancel it first (POST /v1/lineages/{lineage.id}/cancel), then delete it.",
            param="lineage",
            params={"case": "lineage", "lineage": lineage.id},
        )
    session.delete(lineage)
    session.flush()


def _state(session: WriteSession, lineage: PlannedLineage) -> tuple[LineageState, Job | None]:
    """The state of a locked lineage, and the job of its newest stage, whose row is locked too: it does not end meanwhile."""
    stages = repository.stages(session, [lineage.id])[lineage.id]
    job = repository.job_of(session, newest(stages), lock=True)
    return state_of(lineage, stages, {} if job is None else {job.id: job})[0], job


def _not_allowed(lineage: PlannedLineage, state: LineageState, verb: str) -> Conflict:
    return Conflict(
        "invalid_transition",
        f"{lineage.id} is {state}: a lineage in this state cannot be {verb}.",
        params={"case": "lineage", "lineage": lineage.id, "state": state, "verb": verb},
    )
