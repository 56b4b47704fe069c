"""The content of datasets' files: stored once for each project under its hash, removed with the last file that uses it.

Code that creates or removes a blob holds the lock of its key meanwhile, so that no blob is removed between the
moment it is found in storage and the commit of the row that names it.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from control.datasets import repository
from control.db import WriteSession, write
from control.removals.service import remove_after_commit
from control.storage import Storage

log = logging.getLogger(__name__)

_ROOT = "projects"
ABANDONED = timedelta(days=1)
"""Age at which leftovers of a crash are removed from storage; no upload takes longer."""


def blob_key(project_id: str, sha256: str) -> str:
    return f"{_ROOT}/{project_id}/blobs/{sha256}"


def lock(session: WriteSession, key: str) -> None:
    """Lock the blob's key until the transaction ends."""
    repository.lock(session, f"blob {key}")


def release(bind: Engine | Connection, storage: Storage, keys: Iterable[str]) -> int:
    """Remove those blobs that no file names any more; returns how many."""
    return sum(release_one(bind, storage, key) for key in sorted(set(keys)))


def release_one(bind: Engine | Connection, storage: Storage, key: str) -> bool:
    """Remove a blob if no file names it any more; whether it was removed."""
    with write(bind) as session:
        lock(session, key)
        unnamed = not repository.is_named(session, key)
        if unnamed:
            storage.delete(key)
    return unnamed


def release_after_commit(session: WriteSession, storage: Storage, keys: Iterable[str]) -> None:
    """After the commit, remove from storage those of the blobs that no file names."""
    remove_after_commit(session, "blob", keys, partial(release_one, session.get_bind(), storage))


def sweep(engine: Engine, storage: Storage) -> int:
    """Remove leftovers of crashes: half-written objects, and blobs whose row was never committed."""
    swept = storage.sweep(ABANDONED)
    latest = datetime.now(UTC) - ABANDONED
    for item in storage.list(_ROOT):
        if "/blobs/" in item.key and item.modified < latest:
            swept += release(engine, storage, [item.key])
    if swept:
        log.info("removed %d objects that no dataset names", swept)
    return swept
