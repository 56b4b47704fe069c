"""Claims: a worker takes the best job that it can run.

Highest priority first; among equals the project with the fewest running jobs; then the longest wait. The order is
decided here, when a slot is free, and not by the order of wake-ups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from control.checkpoints.repository import CheckpointRef, reference, starting_points
from control.datasets import repository as datasets
from control.datasets.modalities import READING
from control.datasets.selection import which_of
from control.db import WriteSession
from control.lifecycle.models import Job
from control.lifecycle.schemas import Purpose
from control.lifecycle.transitions import transition
from control.scheduling import repository
from control.settings import settings
from control.workers.fleet import Fleet, Member, Offer, fleet
from control.workers.service import member
from core.spec.data import Which


@dataclass(frozen=True)
class ClaimedFile:
    """One file that the job reads of its dataset."""

    name: str
    sha256: str
    bytes: int
    object_key: str
    reading: dict[str, Any] = field(default_factory=dict)
    """How to read it, as stated at its upload (`core.formats.tables.reading.ReadingOptions`)."""


@dataclass(frozen=True)
class EarlierStage:
    """An earlier stage of a job with ``continual``, and the files that it learned from."""

    job_id: str
    data: dict[str, Any]
    """The section ``data`` of its spec."""
    files: tuple[ClaimedFile, ...]


@dataclass(frozen=True)
class Claim:
    """A job that this worker now holds, and what it needs to run it."""

    job_id: str
    project_id: str
    attempt: int
    """The attempt's number, which is the fencing token: every later write carries it."""
    spec: dict[str, Any]
    files: tuple[ClaimedFile, ...]
    checkpoints: tuple[CheckpointRef, ...]
    """Checkpoints to resume from, best first: if the first is damaged, the next is tried."""
    lease_seconds: float
    purpose: Purpose = "train"
    options: dict[str, Any] = field(default_factory=dict)
    """Options of a short job besides its spec."""
    seconds_used: float = 0.0
    """Run time of its earlier attempts."""
    memory_bytes: int = 0
    """Estimated peak memory."""
    decisions: dict[str, Any] = field(default_factory=dict)
    """What the engines of earlier attempts chose for ``auto`` in the spec: an attempt that starts over chooses the same."""
    against: CheckpointRef | None = None
    """The second checkpoint of a short job that compares two."""
    teacher: CheckpointRef | None = None
    """The checkpoint that the job distils; None if it has none, or if it was deleted."""
    earlier: tuple[EarlierStage, ...] = ()
    """The earlier stages whose data are still there, oldest first."""

    @property
    def resume(self) -> CheckpointRef | None:
        """The checkpoint to resume from; None for a fresh start."""
        return self.checkpoints[0] if self.checkpoints else None


def claim(session: WriteSession, worker_id: str) -> Claim | None:
    """Take the best queued job that the worker can run, or None where there is none.

    Raises:
        NotFound: the worker never registered.
    """
    workers = fleet(session)
    job = _take(session, workers, member(session, worker_id))
    if job is None:
        return None
    transition(
        session,
        job,
        "running",
        worker_id=worker_id,
        code="claimed",
        params={"attempt": job.attempt + 1, "worker": worker_id},
        data={"worker": worker_id},
    )
    return Claim(
        job_id=job.id,
        project_id=job.project_id,
        attempt=job.attempt,
        spec=job.spec,
        files=_files(session, job.dataset_id, which_of(job.spec)),
        checkpoints=tuple(starting_points(session, job.id, job.parent_checkpoint_id)),
        lease_seconds=settings().lease_seconds,
        purpose=job.purpose,
        options=job.options,
        memory_bytes=job.memory_bytes,
        seconds_used=job.seconds_used,
        decisions=_decisions(session, job),
        against=reference(session, job.against_checkpoint_id) if job.against_checkpoint_id else None,
        teacher=reference(session, job.teacher_checkpoint_id) if job.teacher_checkpoint_id else None,
        earlier=_earlier(session, job),
    )


def _files(session: WriteSession, dataset_id: str, which: Which) -> tuple[ClaimedFile, ...]:
    return tuple(
        ClaimedFile(f.name, f.sha256, f.bytes, f.object_key, f.report.get(READING) or {})
        for f in datasets.files(session, dataset_id, which)
    )


def _earlier(session: WriteSession, job: Job) -> tuple[EarlierStage, ...]:
    if job.purpose != "train":
        return ()
    ancestors = (job.spec.get("continual") or {}).get("ancestors", [])
    return tuple(
        EarlierStage(one["job"], one["data"], _files(session, one["dataset"], which_of(one)))
        for one in ancestors
        if one["dataset"] is not None
    )


def _decisions(session: WriteSession, job: Job) -> dict[str, Any]:
    if job.attempt == 1:
        return {}
    # Of several decisions the oldest counts: the metrics of the first attempt were made with it.
    return {data["name"]: data["choice"] for data in repository.decisions(session, job.id)}


def _take(session: WriteSession, workers: Fleet, worker: Member) -> Job | None:
    """Lock the best job; where concurrent claims hold all jobs of a priority, go on to the next lower one."""
    offers = _as_arrays(workers.offers(worker))
    below = 101
    while True:
        priority = repository.highest_priority(session, offers, below)
        if priority is None:
            return None
        job = repository.lock_best(session, offers, priority)
        if job is not None:
            return job
        below = priority


def _as_arrays(offers: Sequence[Offer]) -> dict[str, Any]:
    return {
        "devices": [offer.device for offer in offers],
        "aboves": [offer.above for offer in offers],
        "uptos": [offer.upto for offer in offers],
    }
