"""Removal of stored objects after the deletion of their rows.

A deletion records, in its own transaction, which objects are to be removed. They are removed right after the commit, by the
same process; if that fails or the process ends, the leader's maintenance removes them (`control.maintenance.removals`).
"""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine

from control.db import WriteSession, after_commit, read, write
from control.removals import repository
from control.removals.models import Kind
from control.storage import Storage

Remover = Callable[[str], object]
"""Removes what is stored at a key. Safe to repeat."""


def remove_prefixes(session: WriteSession, storage: Storage, prefixes: Iterable[str]) -> None:
    """Remove everything below `prefixes` from storage after the commit; nothing if the transaction is rolled back."""
    remove_after_commit(session, "prefix", prefixes, storage.delete_prefix)


def remove_after_commit(session: WriteSession, kind: Kind, keys: Iterable[str], remove: Remover) -> None:
    """Record keys to be removed, and call `remove` for them after the commit.

    Args:
        kind: Selects the same `remove` for the leader, in case this process ends first.
    """
    found = sorted(set(keys))
    if not found:
        return
    repository.add(session, kind, found)
    bind = session.get_bind()
    after_commit(session, lambda: carry_out(bind, found, remove))


def leave_to_maintenance(session: WriteSession, prefix: str) -> None:
    """Have the leader remove everything below a prefix some time after the commit."""
    repository.add(session, "prefix", [prefix])


def carry_out(bind: Engine | Connection, keys: Sequence[str], remove: Remover) -> None:
    """Remove what is recorded under these keys. Safe to repeat, and beside another process that does the same."""
    with read(bind) as session:
        found = repository.present(session, keys)
    for key in found:
        remove(key)
        with write(bind) as session:
            repository.forget(session, key)
