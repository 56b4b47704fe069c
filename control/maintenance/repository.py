"""SQL about the work of the leader."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select, text

from control.checkpoints.models import Checkpoint
from control.checkpoints.repository import UPLOAD
from control.db import ReadSession
from control.lifecycle.models import Job
from control.samples.models import Sample


def due(session: ReadSession, *, purge_after: timedelta, left_after: timedelta) -> Row[Any]:
    """Whether there are ended ``leases``, a ``queue``, ``files`` of dropped checkpoints, further stages of ``lineages``, overdue ``removals``."""
    return session.execute(_DUE, {"purge_after": purge_after, "left_after": left_after}).one()


# Most rounds have nothing to do, and they share processors with training, so one statement decides it.
_DUE = text("""
    SELECT
        EXISTS (SELECT FROM jobs WHERE state = 'running' AND lease_until < clock_timestamp()) AS leases,
        EXISTS (SELECT FROM jobs WHERE state = 'queued') AS queue,
        EXISTS (
            SELECT FROM checkpoints WHERE deleted_at < clock_timestamp() - :purge_after AND purged_at IS NULL
        ) AS files,
        EXISTS (
            SELECT FROM lineage_stages JOIN lineages ON lineages.id = lineage_id
            WHERE submitted_at IS NULL AND cancelled_at IS NULL AND lineages.failure IS NULL
        ) AS lineages,
        EXISTS (SELECT FROM removals WHERE created_at < clock_timestamp() - :left_after) AS removals
""")


@dataclass(frozen=True)
class NamedKeys:
    """What rows name in the storage."""

    prefixes: set[str]
    """Of checkpoints, samples and results."""
    running: set[tuple[str, int]]
    """Attempts that may still write, and open uploads of checkpoints: job and number."""
    jobs: set[str]


def named(session: ReadSession) -> NamedKeys:
    """All that rows name in the storage below ``jobs/``."""
    prefixes = set(session.scalars(select(Checkpoint.prefix).where(Checkpoint.purged_at.is_(None))))
    prefixes |= {key.rpartition("/")[0] for key in session.scalars(select(Sample.object_key))}
    prefixes |= set(session.scalars(select(Job.result["prefix"].astext).where(Job.result.has_key("prefix"))))
    uploading = and_(Job.purpose == UPLOAD, Job.options["open"].as_boolean())
    running = session.execute(select(Job.id, Job.attempt).where(or_(Job.state == "running", uploading)))
    return NamedKeys(prefixes, {(row[0], row[1]) for row in running}, set(session.scalars(select(Job.id))))
