"""Orphaned files, which no row names: of a checkpoint, a sample or an export whose worker ended before the commit,
of replaced samples, and of jobs that were deleted while a worker that had lost its lease still wrote."""

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
"""Any other file of an attempt, such as its log, which is kept as long as its job."""
_OLD = timedelta(hours=1)
"""Least age of a file that is removed: the upload of a younger one may still be in progress."""


def sweep(engine: Engine, storage: Storage, *, older_than: timedelta = _OLD) -> list[str]:
    """Remove what no checkpoint names and no running attempt can still commit; returns the removed prefixes.

    An attempt that does not hold its job is fenced, so its files can never become a checkpoint.
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
    # Read after the listing, so that what was committed meanwhile is known.
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
