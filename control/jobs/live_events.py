"""Live news about jobs: collected during a transaction, published in one go once it is committed."""

from collections.abc import Mapping
from typing import Any

from control.broker import LiveKind, LiveMessage, broker
from control.db import WriteSession, after_commit

_NEWS = "news"


def announce(session: WriteSession, job_id: str, kind: LiveKind, data: Mapping[str, Any]) -> None:
    """Have `data` (JSON) published to the job's listeners after the commit, in the order of these calls."""
    news: list[LiveMessage] | None = session.info.get(_NEWS)
    if news is None:
        news = session.info[_NEWS] = []
        after_commit(session, lambda: broker().publish(session.info.pop(_NEWS)))
    news.append(LiveMessage(job_id, kind, data))
