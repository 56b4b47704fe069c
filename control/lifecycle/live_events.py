"""Notifications for a job's live streams to read the database: collected in a transaction, published together after its commit."""

from control.broker import LiveKind, LiveMessage, broker
from control.db import WriteSession, after_commit

_PENDING = "live events"


def announce(session: WriteSession, job_id: str, kind: LiveKind = "job") -> None:
    """Notify the job's live streams after the commit.

    However much a transaction writes, each job gets one message. It carries no content, since every stream reads the
    database from its own cursor on.

    Args:
        kind: ``points`` if only metric points and progress were written, so that only those need to be read.
    """
    pending: dict[str, LiveKind] | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = {}
        after_commit(session, lambda: _publish(session.info.pop(_PENDING)))
    if pending.get(job_id) != "job":
        pending[job_id] = kind


def _publish(pending: dict[str, LiveKind]) -> None:
    broker().publish(LiveMessage(job_id, kind) for job_id, kind in pending.items())
