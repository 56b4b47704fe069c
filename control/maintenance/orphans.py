"""Files that no row names: of a checkpoint, a sample or an export whose worker was gone before it could commit them,
of samples that gave way to others, and of jobs that were deleted while a worker that had lost them still wrote."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from control.db import read
from control.maintenance import repository
from control.storage import Storage

_ATTEMPT = r"jobs/(?P<job>[a-z]+_[0-9a-z]+)/attempt-(?P<attempt>\d+)"
_THING = re.compile(rf"(?P<prefix>{_ATTEMPT}/(step-\d+|files|samples/step-\d+/[^/]+))/.+")
"""A checkpoint's files, an export's, or one sample."""
_OF_ATTEMPT = re.compile(rf"(?P<prefix>{_ATTEMPT})/.+")
"""Anything else of an attempt, such as its log, which stays as long as its job."""
_OLD = timedelta(hours=1)
"""Younger files may still be joined by others of theirs."""


def sweep(engine: Engine, storage: Storage, *, older_than: timedelta = _OLD) -> list[str]:
    """Take out what no checkpoint names and no running attempt can still commit; the prefixes taken out.

    An attempt that does not hold its job is fenced, so what it left can never become a checkpoint.
    """
    found: dict[str, tuple[str, int]] = {}
    logs: dict[str, str] = {}
    young: set[str] = set()
    limit = datetime.now(UTC) - older_than
    for item in storage.list("jobs"):
        if match := _THING.fullmatch(item.key):
            found[match["prefix"]] = (match["job"], int(match["attempt"]))
        elif match := _OF_ATTEMPT.fullmatch(item.key):
            logs[match["prefix"]] = match["job"]
        if match and item.modified > limit:
            young.add(match["prefix"])
    # Read after the listing: what was committed meanwhile is then known.
    with read(engine) as session:
        known = repository.named(session)
    orphans = [
        prefix
        for prefix, attempt in found.items()
        if prefix not in known.prefixes and prefix not in young and attempt not in known.running
    ]
    orphans += [prefix for prefix, job_id in logs.items() if job_id not in known.jobs and prefix not in young]
    for prefix in orphans:
        storage.delete_prefix(prefix)
    return orphans
