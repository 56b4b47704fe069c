"""SQL about checkpoints."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.lifecycle.states import TERMINAL

UPLOAD = "upload"
"""Purpose of the rows of uploads (`control.checkpoints.uploads`)."""
_NEWEST_FIRST = (Checkpoint.step.desc(), Checkpoint.attempt.desc())
"""`core.checkpoints.retention.newest_first`, as SQL orders it."""


@dataclass(frozen=True)
class CheckpointRef:
    """What a worker needs of a checkpoint: where its files are, and their hashes."""

    id: str
    job_id: str
    """The job that wrote it: for a fork that has not written one yet, another job."""
    attempt: int
    step: int
    prefix: str
    manifest: dict[str, Any]
    manifest_sha256: str


def starting_points(
    session: ReadSession, job_id: str, parent_checkpoint_id: str | None
) -> Sequence[CheckpointRef]:
    """Checkpoints that an attempt may resume from, newest first: its own job's, then the one that a fork starts from."""
    found = present(session, job_id)
    if parent_checkpoint_id is not None:
        parent = session.get(Checkpoint, parent_checkpoint_id)
        if parent is not None and parent.deleted_at is None:
            found.append(parent)
    return [_reference(c) for c in found]


def reference(session: ReadSession, checkpoint_id: str) -> CheckpointRef | None:
    """A checkpoint of any project, unless it was deleted."""
    found = session.get(Checkpoint, checkpoint_id)
    return None if found is None or found.deleted_at is not None else _reference(found)


def _reference(c: Checkpoint) -> CheckpointRef:
    return CheckpointRef(c.id, c.job_id, c.attempt, c.step, c.prefix, c.manifest, c.manifest_sha256)


def present(session: ReadSession, job_id: str) -> list[Checkpoint]:
    """A job's checkpoints that are not dropped, newest step first."""
    return list(
        session.scalars(
            select(Checkpoint)
            .where(Checkpoint.job_id == job_id, Checkpoint.deleted_at.is_(None))
            .order_by(*_NEWEST_FIRST)
        )
    )


def starting_from(session: ReadSession, job_id: str) -> dict[str, list[str]]:
    """Id of each checkpoint of the job that is in use → ids of the forks and exports that start from it, and of the jobs that
    learn from it.

    A fork that has ended, or has written a checkpoint of its own, does not use it any more; a job needs its teacher to its end.
    """
    own = aliased(Checkpoint)
    begins = or_(Job.parent_checkpoint_id == Checkpoint.id, Job.against_checkpoint_id == Checkpoint.id)
    has_none = ~exists().where(own.job_id == Job.id, own.deleted_at.is_(None))
    rows = session.execute(
        select(Checkpoint.id, Job.id)
        .join(Job, or_(begins & has_none, Job.teacher_checkpoint_id == Checkpoint.id))
        .where(Checkpoint.job_id == job_id, Job.state.not_in(TERMINAL))
        .order_by(Job.id)
    )
    found: dict[str, list[str]] = {}
    for checkpoint_id, user in rows:
        found.setdefault(checkpoint_id, []).append(user)
    return found


def of_project(session: ReadSession, project_id: str, checkpoint_id: str) -> Checkpoint | None:
    """The checkpoint, if a job of the project wrote it and it is not dropped."""
    return session.scalars(
        select(Checkpoint)
        .join(Job, Job.id == Checkpoint.job_id)
        .where(Checkpoint.id == checkpoint_id, Job.project_id == project_id, Checkpoint.deleted_at.is_(None))
    ).one_or_none()


def uploaded(project_id: str) -> Select[Checkpoint]:
    """The uploaded checkpoints of a project."""
    return (
        select(Checkpoint)
        .join(Job, Job.id == Checkpoint.job_id)
        .where(Job.project_id == project_id, Job.purpose == UPLOAD, Checkpoint.deleted_at.is_(None))
    )


def abandoned(session: ReadSession, after: timedelta) -> Sequence[Job]:
    """Uploads that were begun longer ago than that and are still open."""
    return session.scalars(
        select(Job).where(
            Job.purpose == UPLOAD,
            Job.options["open"].as_boolean(),
            Job.created_at < func.clock_timestamp() - after,
        )
    ).all()


def taken(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Number and bytes of the project's checkpoints that are not deleted, with the files of uploads that are still open."""
    count, size = _sum(session, project_id, Checkpoint.deleted_at.is_(None))
    arriving = session.scalar(
        select(func.coalesce(func.sum(Job.options["bytes"].as_integer()), 0)).where(
            Job.project_id == project_id, Job.purpose == UPLOAD, Job.options["open"].as_boolean()
        )
    )
    return count, size + int(arriving or 0)


def leaving(session: ReadSession, project_id: str) -> int:
    """Bytes of checkpoints that were dropped and whose files have not left the storage yet."""
    return _sum(session, project_id, Checkpoint.deleted_at.is_not(None), Checkpoint.purged_at.is_(None))[1]


def _sum(session: ReadSession, project_id: str, *conditions: ColumnElement[bool]) -> tuple[int, int]:
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Checkpoint.bytes), 0))
        .join(Job, Job.id == Checkpoint.job_id)
        .where(Job.project_id == project_id, *conditions)
    ).one()
    return count, int(size)


def page(
    session: ReadSession, job_id: str, *, limit: int, before: tuple[int, int] | None = None
) -> list[Checkpoint]:
    """At most `limit` checkpoints below (step, attempt), newest step first."""
    query = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.deleted_at.is_(None))
    if before is not None:
        query = query.where(func.row(Checkpoint.step, Checkpoint.attempt) < func.row(*before))
    return list(session.scalars(query.order_by(*_NEWEST_FIRST).limit(limit)))


def at(session: ReadSession, job_id: str, attempt: int, step: int) -> Checkpoint | None:
    """The checkpoint that an attempt wrote at a step."""
    return session.scalars(
        select(Checkpoint).where(
            Checkpoint.job_id == job_id, Checkpoint.attempt == attempt, Checkpoint.step == step
        )
    ).one_or_none()


def among(session: ReadSession, ids: Collection[str]) -> Sequence[Checkpoint]:
    """Those of the checkpoints that are not dropped."""
    if not ids:
        return ()
    return session.scalars(
        select(Checkpoint).where(Checkpoint.id.in_(ids), Checkpoint.deleted_at.is_(None))
    ).all()


def counts(session: ReadSession, job_ids: Collection[str]) -> dict[str, int]:
    """Job id → number of its checkpoints, for jobs that have any."""
    counted = session.execute(
        select(Checkpoint.job_id, func.count())
        .where(Checkpoint.job_id.in_(job_ids), Checkpoint.deleted_at.is_(None))
        .group_by(Checkpoint.job_id)
    )
    return {row[0]: row[1] for row in counted}


def to_purge(session: ReadSession, dropped_for: timedelta, limit: int) -> Sequence[tuple[str, str]]:
    """Id and prefix of checkpoints that were dropped longer ago than that and whose files are still stored."""
    rows = session.execute(
        select(Checkpoint.id, Checkpoint.prefix)
        .where(
            Checkpoint.deleted_at < func.clock_timestamp() - dropped_for,
            Checkpoint.purged_at.is_(None),
        )
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def mark_purged(session: WriteSession, checkpoint_id: str) -> None:
    """Record that a checkpoint's files are removed from storage."""
    session.execute(
        update(Checkpoint)
        .where(Checkpoint.id == checkpoint_id, Checkpoint.purged_at.is_(None))
        .values(purged_at=func.clock_timestamp())
    )
