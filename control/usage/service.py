"""What a project takes up and what it may: told, set, and held to."""

from typing import get_args

from control.db import ReadSession, WriteSession
from control.projects import service as projects
from control.settings import Settings, settings
from control.storage import Storage
from control.usage import repository
from control.usage.disk import disk_of
from control.usage.errors import QuotaExceeded
from control.usage.schemas import Kind, KindUsage, QuotasIn, UsageOut

KINDS: tuple[Kind, ...] = get_args(Kind)


def limits(session: ReadSession, project_id: str) -> dict[Kind, int]:
    """Bytes of each kind that has a quota: the lower of the project's own and the operator's."""
    own = projects.get(session, project_id).quotas
    operators: dict[Kind, int | None] = {
        "datasets": settings().quota_datasets_bytes,
        "checkpoints": settings().quota_checkpoints_bytes,
        "samples": settings().quota_samples_bytes,
        "exports": settings().quota_exports_bytes,
        "logs": settings().quota_logs_bytes,
    }
    found: dict[Kind, int] = {}
    for kind in KINDS:
        given = [limit for limit in (own.get(kind), operators[kind]) if limit is not None]
        if given:
            found[kind] = min(given)
    return found


def set_quotas(session: WriteSession, project_id: str, body: QuotasIn) -> None:
    """Change the project's own quotas. What is there already stays, also where it is more."""
    project = projects.get(session, project_id)
    changed = body.model_dump(exclude_unset=True)
    project.quotas = {
        kind: limit for kind, limit in {**project.quotas, **changed}.items() if limit is not None
    }
    session.flush()


def usage(session: ReadSession, storage: Storage, chosen: Settings, project_id: str) -> UsageOut:
    """What the project takes up."""
    may = limits(session, project_id)
    kinds: dict[str, KindUsage] = {}
    for kind in KINDS:
        count, size = repository.TAKEN[kind](session, project_id)
        kinds[kind] = KindUsage(count=count, bytes=size, limit_bytes=may.get(kind))
    count, size = repository.previews(session, project_id)
    kinds["previews"] = KindUsage(count=count, bytes=size)
    return UsageOut.model_validate(
        {
            "project": project_id,
            **kinds,
            "bytes": sum(found.bytes for found in kinds.values()),
            "leaving_bytes": repository.leaving(session, project_id),
            "disk": disk_of(storage, chosen),
        }
    )


def require_room(session: ReadSession, project_id: str, kind: Kind, more: int) -> None:
    """
    Args:
        more: Bytes to come; what gives way to them is subtracted.

    Raises:
        QuotaExceeded: with them the project would take up more than it may.
    """
    limit = limits(session, project_id).get(kind)
    if limit is None or more <= 0:
        return
    if session.writes:
        # Of two that come at once, the second counts the first.
        repository.lock(session, project_id, kind)
    _, used = repository.TAKEN[kind](session, project_id)
    if used + more > limit:
        raise QuotaExceeded(kind, used=used, more=more, limit=limit)


def require_kept(session: WriteSession, project_id: str, kind: Kind) -> None:
    """Refuse what this transaction has added.

    Raises:
        QuotaExceeded: with it the project takes up more than it may.
    """
    limit = limits(session, project_id).get(kind)
    if limit is None:
        return
    repository.lock(session, project_id, kind)
    _, used = repository.TAKEN[kind](session, project_id)
    if used > limit:
        raise QuotaExceeded(kind, used=limit, more=used - limit, limit=limit)
