"""Removal of the files of dropped checkpoints from storage."""

from sqlalchemy import Connection, Engine

from control.checkpoints import repository
from control.db import write
from control.storage import Storage


def purge(bind: Engine | Connection, storage: Storage, checkpoint_id: str, prefix: str) -> None:
    """Remove a dropped checkpoint's files, then record that they are removed. Safe to repeat."""
    storage.delete_prefix(prefix)
    with write(bind) as session:
        repository.mark_purged(session, checkpoint_id)
