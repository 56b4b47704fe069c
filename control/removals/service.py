"""What leaves the storage once its rows are gone.

A deletion writes down, in its own transaction, which objects it leaves behind. They are removed right after the commit, by the
process that deleted; where that fails or the process ends, the leader's maintenance does it (`control.maintenance.removals`).
"""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine

from control.db import WriteSession, after_commit, read, write
from control.removals import repository
from control.removals.models import Kind
from control.storage import Storage

Remover = Callable[[str], object]
"""Takes out of the storage what lies at a key. Safe to repeat."""


def remove_prefixes(session: WriteSession, storage: Storage, prefixes: Iterable[str]) -> None:
    """Have everything below `prefixes` leave the storage after the commit; nothing if the transaction is rolled back."""
    remove_after_commit(session, "prefix", prefixes, storage.delete_prefix)


def remove_after_commit(session: WriteSession, kind: Kind, keys: Iterable[str], remove: Remover) -> None:
    """Write down what is to leave the storage, and have `remove` do it after the commit.

    Args:
        kind: By which the leader finds the same `remove`, should this process end before it has done it.
    """
    found = sorted(set(keys))
    if not found:
        return
    repository.add(session, kind, found)
    bind = session.get_bind()
    after_commit(session, lambda: carry_out(bind, found, remove))


def leave_to_maintenance(session: WriteSession, prefix: str) -> None:
    """Have everything below a prefix leave the storage, some time after the commit."""
    repository.add(session, "prefix", [prefix])


def carry_out(bind: Engine | Connection, keys: Sequence[str], remove: Remover) -> None:
    """Remove what is written down under these keys. Safe to repeat, and beside another process that does the same."""
    with read(bind) as session:
        found = repository.present(session, keys)
    for key in found:
        remove(key)
        with write(bind) as session:
            repository.forget(session, key)
