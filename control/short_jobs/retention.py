"""Short jobs that are of use for a while only leave with all that they made."""

from sqlalchemy import Engine

from control.db import read, write
from control.short_jobs import repository
from control.short_jobs.registry import kinds
from control.storage import Storage


def forget_old(engine: Engine, storage: Storage) -> list[str]:
    """Drop short jobs that ended longer ago than their kind is kept, with their files and logs; their ids."""
    dropped: list[str] = []
    for kind in kinds().values():
        if kind.kept is None:
            continue
        with read(engine) as session:
            old = repository.ended_before(session, kind.name, kind.kept)
        for short_job_id in old:
            # The files first: a row that is left is found again in the next round, files that nobody names are not.
            storage.delete_prefix(f"jobs/{short_job_id}")
            with write(engine) as session:
                repository.drop(session, short_job_id)
        dropped += old
    return dropped
