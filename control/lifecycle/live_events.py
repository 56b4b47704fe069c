"""Jobs' listeners are told to look at the database: collected during a transaction, published in one go after its commit."""

from control.broker import LiveKind, LiveMessage, broker
from control.db import WriteSession, after_commit

_PENDING = "live events"


def announce(session: WriteSession, job_id: str, kind: LiveKind = "job") -> None:
    """Have the job's listeners look after the commit.

    However much a transaction writes, each job gets one message. It carries nothing of what was written, since every listener
    reads that from the database, from its own cursor on.

    Args:
        kind: ``points`` where nothing but metric points and progress was written, so that only those need be read.
    """
    pending: dict[str, LiveKind] | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = {}
        after_commit(session, lambda: _publish(session.info.pop(_PENDING)))
    if pending.get(job_id) != "job":
        pending[job_id] = kind


def _publish(pending: dict[str, LiveKind]) -> None:
    broker().publish(LiveMessage(job_id, kind) for job_id, kind in pending.items())
