"""Removal of short jobs after their retention time, with everything that they made."""

from sqlalchemy import Engine

from control.db import read, write
from control.short_jobs import repository
from control.short_jobs.registry import kinds
from control.storage import Storage


def forget_old(engine: Engine, storage: Storage) -> list[str]:
    """Delete short jobs that ended longer ago than their kind is kept, with files and logs; returns their ids."""
    dropped: list[str] = []
    for kind in kinds().values():
        if kind.kept is None:
            continue
        with read(engine) as session:
            old = repository.ended_before(session, kind.name, kind.kept)
        for short_job_id in old:
            # The files first: a row that is left is found again in the next round, files without a row are not.
            storage.delete_prefix(f"jobs/{short_job_id}")
            with write(engine) as session:
                repository.drop(session, short_job_id)
        dropped += old
    return dropped
