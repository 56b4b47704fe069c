"""Quotas of projects: reads, sets and enforces them.

The package that owns the rows counts the bytes in use; each function that checks a quota is given that count.
"""

from collections.abc import Callable
from typing import get_args

from control.db import ReadSession, WriteSession
from control.projects import service as projects
from control.quotas import repository
from control.quotas.errors import QuotaExceeded
from control.quotas.schemas import Kind, QuotasIn
from control.settings import settings

KINDS: tuple[Kind, ...] = get_args(Kind)

Taken = Callable[[ReadSession, str], tuple[int, int]]
"""Session, project → number of objects of a kind, and their bytes."""


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
    """Change the project's own quotas. What is stored already is kept, even if it exceeds them."""
    project = projects.get(session, project_id)
    changed = body.model_dump(exclude_unset=True)
    project.quotas = {
        kind: limit for kind, limit in {**project.quotas, **changed}.items() if limit is not None
    }
    session.flush()


def require_room(session: ReadSession, project_id: str, kind: Kind, more: int, taken: Taken) -> None:
    """
    Args:
        more: Bytes to be stored, less the bytes that they replace.
        taken: Counts the stored objects of the kind.

    Raises:
        QuotaExceeded: these bytes would exceed the project's quota.
    """
    limit = limits(session, project_id).get(kind)
    if limit is None or more <= 0:
        return
    if session.writes:
        # Of two concurrent requests, the second one counts the bytes of the first.
        repository.lock(session, project_id, kind)
    _, used = taken(session, project_id)
    if used + more > limit:
        raise QuotaExceeded(kind, used=used, more=more, limit=limit)


def require_kept(session: WriteSession, project_id: str, kind: Kind, taken: Taken) -> None:
    """Refuse what this transaction has added.

    Raises:
        QuotaExceeded: the transaction exceeds the project's quota.
    """
    limit = limits(session, project_id).get(kind)
    if limit is None:
        return
    repository.lock(session, project_id, kind)
    _, used = taken(session, project_id)
    if used > limit:
        raise QuotaExceeded(kind, used=limit, more=used - limit, limit=limit)
