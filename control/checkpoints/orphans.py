"""Files that no row names: of a checkpoint, a sample or an export whose worker was gone before it could commit them,
and of samples that gave way to others."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from control.checkpoints.models import Checkpoint
from control.db import read
from control.jobs.models import Job
from control.samples.models import Sample
from control.storage import Storage

_ATTEMPT = r"jobs/(?P<job>[a-z]+_[0-9a-z]+)/attempt-(?P<attempt>\d+)"
_THING = re.compile(rf"(?P<prefix>{_ATTEMPT}/(step-\d+|files|samples/step-\d+/[^/]+))/.+")
"""A checkpoint's files, an export's, or one sample."""
_OLD = timedelta(hours=1)
"""Younger files may still be joined by others of theirs."""


def sweep(engine: Engine, storage: Storage, *, older_than: timedelta = _OLD) -> list[str]:
    """Take out what no checkpoint names and no running attempt can still commit; the prefixes taken out.

    An attempt that does not hold its job is fenced, so what it left can never become a checkpoint.
    """
    found: dict[str, tuple[str, int]] = {}
    young: set[str] = set()
    limit = datetime.now(UTC) - older_than
    for item in storage.list("jobs"):
        match = _THING.fullmatch(item.key)
        if match is None:
            continue
        found[match["prefix"]] = (match["job"], int(match["attempt"]))
        if item.modified > limit:
            young.add(match["prefix"])
    # Read after the listing: what was committed meanwhile is then known.
    with read(engine) as session:
        named = set(session.scalars(select(Checkpoint.prefix).where(Checkpoint.purged_at.is_(None))))
        named |= {key.rpartition("/")[0] for key in session.scalars(select(Sample.object_key))}
        named |= set(session.scalars(select(Job.result["prefix"].astext).where(Job.result.has_key("prefix"))))
        live = {
            tuple(row) for row in session.execute(select(Job.id, Job.attempt).where(Job.state == "running"))
        }
    orphans = [
        prefix
        for prefix, attempt in found.items()
        if prefix not in named and prefix not in young and attempt not in live
    ]
    for prefix in orphans:
        storage.delete_prefix(prefix)
    return orphans
