"""A project's use of storage, and its quotas."""

from control.checkpoints import repository as checkpoints
from control.datasets import repository as datasets
from control.db import ReadSession
from control.lifecycle import repository as lifecycle
from control.quotas import service as quotas
from control.quotas.schemas import Kind
from control.quotas.service import KINDS, Taken, limits
from control.samples import repository as samples
from control.settings import Settings
from control.storage import Storage
from control.usage.disk import disk_of
from control.usage.schemas import KindUsage, UsageOut


def _exports(session: ReadSession, project_id: str) -> tuple[int, int]:
    return lifecycle.made_by_short_jobs(session, project_id, previews=False)


TAKEN: dict[Kind, Taken] = {
    "datasets": datasets.taken,
    "checkpoints": checkpoints.taken,
    "samples": samples.taken,
    "exports": _exports,
    "logs": lifecycle.logs_taken,
}
"""Kind → function that returns its number and bytes, as sums over rows; the storage is never listed."""


def usage(session: ReadSession, storage: Storage, chosen: Settings, project_id: str) -> UsageOut:
    """The bytes and counts of what the project has stored."""
    may = limits(session, project_id)
    kinds: dict[str, KindUsage] = {}
    for kind in KINDS:
        count, size = TAKEN[kind](session, project_id)
        kinds[kind] = KindUsage(count=count, bytes=size, limit_bytes=may.get(kind))
    count, size = lifecycle.made_by_short_jobs(session, project_id, previews=True)
    kinds["previews"] = KindUsage(count=count, bytes=size)
    return UsageOut.model_validate(
        {
            "project": project_id,
            **kinds,
            "bytes": sum(found.bytes for found in kinds.values()),
            "leaving_bytes": checkpoints.leaving(session, project_id),
            "disk": disk_of(storage, chosen),
        }
    )


def require_room(session: ReadSession, project_id: str, kind: Kind, more: int) -> None:
    """`control.quotas.service.require_room` with the count of that kind.

    Raises:
        QuotaExceeded: `more` bytes would exceed the project's quota.
    """
    quotas.require_room(session, project_id, kind, more, TAKEN[kind])
