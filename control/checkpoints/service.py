"""The service of checkpoints: commits by the attempt that wrote them, and the job's retention rule."""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from control.checkpoints import repository
from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.lifecycle import repository as lifecycle
from control.lifecycle.events import record
from control.lifecycle.leases import held
from control.lifecycle.models import Job
from control.metrics.repository import value_at
from control.quotas.service import require_room
from core.checkpoints.retention import expired
from core.spec.stored import stored
from core.spec.training import CheckpointRetention


def commit_checkpoint(
    session: WriteSession,
    job_id: str,
    attempt: int,
    *,
    step: int,
    prefix: str,
    manifest: dict[str, Any],
    manifest_sha256: str,
    metrics: Mapping[str, float],
) -> Checkpoint:
    """Record a checkpoint whose files are all in storage. Repeating this changes nothing.

    What retention then drops is only marked here. The leader removes the files later (`control.maintenance.service`), so
    a worker that dies in between leaves nothing behind.

    Args:
        prefix: Where its files are in storage.
        manifest: The decoded ``manifest.json``.
        metrics: The last evaluation before it.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
        QuotaExceeded: the project's quota is exceeded; nothing was changed.
    """
    job = held(session, job_id, attempt)
    known = repository.at(session, job_id, attempt, step)
    if known is not None:
        return known
    retention = stored(job.spec).training.retention
    checkpoint = Checkpoint(
        id=new_id("ckpt"),
        job_id=job_id,
        attempt=attempt,
        step=step,
        prefix=prefix,
        manifest=manifest,
        manifest_sha256=manifest_sha256,
        bytes=sum(file["bytes"] for file in manifest["files"]),
        metrics=_metrics(session, job, step, metrics, retention),
    )
    dropped = _dropped_for(session, checkpoint, retention)
    require_room(
        session,
        job.project_id,
        "checkpoints",
        checkpoint.bytes - sum(old.bytes for old in dropped),
        repository.taken,
    )
    session.add(checkpoint)
    session.flush()
    session.refresh(checkpoint)
    for old in dropped:
        old.deleted_at = func.clock_timestamp()
    record(
        session,
        job,
        "checkpoint",
        {"step": step},
        data={"checkpoint": checkpoint.id, "step": step, "dropped": [old.id for old in dropped]},
    )
    return checkpoint


def require_room_for(
    session: ReadSession, job_id: str, attempt: int, *, step: int, size: int, metrics: Mapping[str, float]
) -> None:
    """Check the quota before a checkpoint's files are stored.

    Raises:
        QuotaExceeded: with them, and without those that retention then drops, the project would exceed its quota.
    """
    job = lifecycle.get(session, job_id)
    if job is None:
        return
    retention = stored(job.spec).training.retention
    coming = Checkpoint(id="", job_id=job_id, attempt=attempt, step=step, bytes=size, metrics=dict(metrics))
    dropped = _dropped_for(session, coming, retention)
    require_room(
        session, job.project_id, "checkpoints", size - sum(old.bytes for old in dropped), repository.taken
    )


def _dropped_for(
    session: ReadSession, coming: Checkpoint, retention: CheckpointRetention
) -> list[Checkpoint]:
    """What retention drops once `coming` is committed."""
    present = repository.present(session, coming.job_id)
    needed = repository.starting_from(session, coming.job_id).keys()
    return expired([*present, coming], retention, [c for c in present if c.id in needed])


def _metrics(
    session: ReadSession, job: Job, step: int, metrics: Mapping[str, float], retention: CheckpointRetention
) -> dict[str, float | None]:
    """The checkpoint's metrics as JSON values, with the one that retention compares."""
    found: dict[str, float | None] = dict(metrics)
    best = retention.keep_best
    if best is not None and best not in found:
        logged = value_at(session, job.id, best, step)
        if logged is not None:
            found[best] = logged
    return {
        name: value if value is not None and math.isfinite(value) else None for name, value in found.items()
    }


def get(session: ReadSession, project_id: str, checkpoint_id: str, *, param: str | None = None) -> Checkpoint:
    """A checkpoint of the project.

    Args:
        param: The field of a request's body that names it.

    Raises:
        NotFound: no such checkpoint, another project's, or one that retention has dropped.
    """
    checkpoint = repository.of_project(session, project_id, checkpoint_id)
    if checkpoint is None:
        raise NotFound(
            "checkpoint_not_found",
            f"There is no checkpoint {checkpoint_id}; it may have been deleted, or dropped by its job's retention rule.",
            params={"checkpoint": checkpoint_id},
            param=param,
        )
    return checkpoint


def list_of_job(
    session: ReadSession, job_id: str, *, limit: int = 200, before: tuple[int, int] | None = None
) -> list[Checkpoint]:
    """At most `limit` checkpoints of the job below (step, attempt) `before`, newest step first."""
    return repository.page(session, job_id, limit=limit, before=before)
