"""Election of one leader among any number of replicas, by an advisory lock that ends with its connection."""

import contextlib

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from control.db import ReadSession

_LOCK = 0x5EED_0002
_SILENT_SECONDS = 15


class Leadership:
    """Tries to become the leader, and stays it while its connection is open.

    A leader that was stopped (SIGSTOP, a frozen machine) sends nothing on its connection, so the server closes it and
    another process can become the leader.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Whether this process is the leader now. To be called at least every few seconds.

        Raises:
            SQLAlchemyError: the database does not answer; this process is the leader no more.
        """
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            return self._try()
        except SQLAlchemyError:
            self._drop()
            raise

    def _try(self) -> bool:
        # Never returned to the pool: the settings and the lock belong to this connection.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        self._connection = connection
        connection.execute(text(f"SET idle_session_timeout = '{_SILENT_SECONDS}s'"))
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar_one():
            return True
        self._drop()
        return False

    def release(self) -> None:
        """Stop being the leader: another process can become it as soon as this returns."""
        if self._connection is not None:
            # The server ends a connection, and releases its locks, some time after the client closed it.
            with contextlib.suppress(SQLAlchemyError):
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                connection.close()


def leader(session: ReadSession) -> str | None:
    """``application (host, process)`` of the leader's connection; None while there is none."""
    return session.execute(
        text("""
            SELECT format('%s (%s, server process %s)',
                activity.application_name, coalesce(host(activity.client_addr), 'local'), activity.pid)
            FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
            WHERE locktype = 'advisory' AND granted AND objid = :key AND classid = 0
              AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """),
        {"key": _LOCK},
    ).scalar_one_or_none()
