"""A worker takes the best job that it can run.

Highest priority first; among equals the project with the fewest running jobs; then the longest wait. The order is
decided here, at the moment a place is free, and not by the order of messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import select, text

from control.checkpoints.repository import CheckpointRef, starting_points
from control.datasets.modalities import READING
from control.datasets.models import DatasetFile
from control.db import WriteSession
from control.jobs.models import Event, Job
from control.jobs.schemas import Purpose
from control.jobs.transitions import transition
from control.settings import settings
from control.workers.fleet import Fleet, Member, Offer, fleet
from control.workers.service import member


@dataclass(frozen=True)
class ClaimedFile:
    """One file of the job's dataset."""

    name: str
    sha256: str
    bytes: int
    object_key: str
    reading: dict[str, Any] = field(default_factory=dict)
    """What was said at its upload of how it is read (`core.formats.tables.reading.ReadingOptions`)."""


@dataclass(frozen=True)
class Claim:
    """A job that this worker now holds, and what it needs to run it."""

    job_id: str
    project_id: str
    attempt: int
    """The fencing token: every later write carries it."""
    spec: dict[str, Any]
    files: tuple[ClaimedFile, ...]
    checkpoints: tuple[CheckpointRef, ...]
    """Where it may continue from, best first: should the first turn out damaged, the next is tried."""
    lease_seconds: float
    purpose: Purpose = "train"
    options: dict[str, Any] = field(default_factory=dict)
    """What a short job was asked for besides its spec."""
    seconds_used: float = 0.0
    """Of its attempts before this one."""
    memory_bytes: int = 0
    """What it was estimated to take."""
    decisions: dict[str, Any] = field(default_factory=dict)
    """What earlier attempts' engines chose where the spec says ``auto``: an attempt that starts over chooses the same."""

    @property
    def resume(self) -> CheckpointRef | None:
        """Where to continue from; None for a fresh start."""
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
        event="claimed",
        message=f"Attempt {job.attempt + 1} is on worker {worker_id}.",
        data={"worker": worker_id},
    )
    files = session.query(DatasetFile).filter_by(dataset_id=job.dataset_id).order_by(DatasetFile.name)
    return Claim(
        job_id=job.id,
        project_id=job.project_id,
        attempt=job.attempt,
        spec=job.spec,
        files=tuple(
            ClaimedFile(f.name, f.sha256, f.bytes, f.object_key, f.report.get(READING) or {}) for f in files
        ),
        checkpoints=tuple(starting_points(session, job.id, job.parent_checkpoint_id)),
        lease_seconds=settings().lease_seconds,
        purpose=cast("Purpose", job.purpose),
        options=job.options,
        memory_bytes=job.memory_bytes,
        seconds_used=job.seconds_used,
        decisions=_decisions(session, job),
    )


def _decisions(session: WriteSession, job: Job) -> dict[str, Any]:
    if job.attempt == 1:
        return {}
    newest_first = (
        select(Event.data).where(Event.job_id == job.id, Event.type == "decision").order_by(Event.id.desc())
    )
    # Of several the oldest counts: the first attempt's numbers are in the series already.
    return {data["name"]: data["choice"] for data in session.scalars(newest_first)}


def _take(session: WriteSession, workers: Fleet, worker: Member) -> Job | None:
    """Lock the best job; go on to the next lower priority where others are just taking all that is there."""
    offers = _as_arrays(workers.offers(worker))
    below = 101
    while True:
        priority = session.execute(_HIGHEST, offers | {"below": below}).scalar_one()
        if priority is None:
            return None
        job_id = session.execute(_BEST, offers | {"priority": priority}).scalar_one_or_none()
        if job_id is not None:
            return session.get_one(Job, job_id, populate_existing=True)
        below = priority


def _as_arrays(offers: Sequence[Offer]) -> dict[str, Any]:
    return {
        "devices": [offer.device for offer in offers],
        "aboves": [offer.above for offer in offers],
        "uptos": [offer.upto for offer in offers],
    }


_OFFERS = """offer(device, above, upto) AS (
    SELECT * FROM unnest(CAST(:devices AS text[]), CAST(:aboves AS bigint[]), CAST(:uptos AS bigint[]))
)"""

_HIGHEST = text(f"""
    WITH {_OFFERS}
    SELECT max(best.priority)
    FROM offer CROSS JOIN LATERAL (
        SELECT priority FROM jobs
        WHERE state = 'queued' AND device = offer.device
          AND memory_bytes > offer.above AND memory_bytes <= offer.upto AND priority < :below
        ORDER BY priority DESC
        LIMIT 1
    ) AS best
""")  # noqa: S608 - no value is pasted in

# Neither the number of queued jobs nor the history matters to its cost, only the number of projects that wait:
# `waiting` jumps through the index from project to project, `candidate` looks at the head of each one's line.
# The head is 32 long because a job that another claim is just taking is skipped. `IS TRUE` keeps the planner from seeing
# a narrow range of memory, which would have it read and sort a project's whole line instead of the index' beginning.
_BEST = text(f"""
    WITH RECURSIVE {_OFFERS},
    waiting(device, above, upto, project_id) AS (
        SELECT offer.*, (
            SELECT min(project_id) FROM jobs
            WHERE state = 'queued' AND device = offer.device AND priority = :priority
        ) FROM offer
        UNION ALL
        SELECT waiting.device, waiting.above, waiting.upto, (
            SELECT min(jobs.project_id) FROM jobs
            WHERE state = 'queued' AND jobs.device = waiting.device AND priority = :priority
              AND jobs.project_id > waiting.project_id
        ) FROM waiting WHERE waiting.project_id IS NOT NULL
    ),
    candidate AS (
        SELECT head.* FROM waiting CROSS JOIN LATERAL (
            SELECT id, project_id, queued_at FROM jobs
            WHERE state = 'queued' AND device = waiting.device AND priority = :priority
              AND project_id = waiting.project_id
              AND (memory_bytes > waiting.above) IS TRUE AND memory_bytes <= waiting.upto
            ORDER BY queued_at
            LIMIT 32
        ) AS head
    ),
    busy AS (
        SELECT project_id, count(*) AS running FROM jobs WHERE state = 'running' GROUP BY project_id
    )
    SELECT jobs.id
    FROM jobs
    JOIN candidate ON candidate.id = jobs.id
    LEFT JOIN busy ON busy.project_id = candidate.project_id
    WHERE jobs.state = 'queued'
    ORDER BY coalesce(busy.running, 0), candidate.queued_at, jobs.id
    LIMIT 1
    FOR UPDATE OF jobs SKIP LOCKED
""")  # noqa: S608 - no value is pasted in
