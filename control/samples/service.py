"""The service of samples: attempts commit them, people read them."""

from collections.abc import Sequence

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.lifecycle.events import record
from control.lifecycle.leases import held
from control.quotas.service import require_room
from control.samples import repository
from control.samples.models import Sample
from control.samples.schemas import REPORT

MOST = 2000
"""Most samples that a job keeps. One more drops those of every second step, so that the history stays evenly spaced."""


def commit_sample(
    session: WriteSession,
    job_id: str,
    attempt: int,
    *,
    step: int,
    name: str,
    media_type: str,
    size: int,
    sha256: str,
    object_key: str,
) -> Sample:
    """Write the row of a sample whose content is in storage; it replaces the one of an earlier attempt.

    A report replaces those of other steps. The same content again changes nothing. An object that no row names any more is removed in the next round
    of housekeeping (`control.maintenance.orphans`).

    Args:
        size: In bytes.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
        QuotaExceeded: the project's quota is exceeded.
    """
    job = held(session, job_id, attempt)
    known = repository.at(session, job_id, step, name)
    if known is not None and known.sha256 == sha256:
        return known
    require_room(session, job.project_id, "samples", size - (known.bytes if known else 0), repository.taken)
    if known is None and repository.count(session, job_id) >= MOST:
        repository.thin_out(session, job_id)
    if media_type == REPORT:
        repository.drop_others(session, job_id, name, step)
    sample = repository.upsert(
        session,
        {
            "id": new_id("smp"),
            "job_id": job_id,
            "attempt": attempt,
            "step": step,
            "name": name,
            "media_type": media_type,
            "bytes": size,
            "sha256": sha256,
            "object_key": object_key,
        },
    )
    record(
        session,
        job,
        "sample",
        {"step": step, "name": name},
        data={"sample": sample.id, "step": step, "name": name},
    )
    return sample


def get(session: ReadSession, project_id: str, sample_id: str) -> Sample:
    """A sample of the project.

    Raises:
        NotFound: ``sample_not_found``.
    """
    sample = repository.of_project(session, project_id, sample_id)
    if sample is None:
        raise NotFound(
            "sample_not_found",
            f"There is no sample {sample_id}; a later attempt may have replaced it. Get the list of the job's samples.",
            params={"sample": sample_id},
        )
    return sample


def list_of_job(
    session: ReadSession, job_id: str, *, after: int = 0, name: str | None = None, limit: int = 200
) -> Sequence[Sample]:
    """At most `limit` of the job's samples after ``seq`` `after`, in the order of writing."""
    return repository.after(session, job_id, after, name, limit)
