"""The database: engines, sessions that read or write, and actions that run after the commit.

One request, or one action of a supervisor, is one transaction, and it is committed in one place: at the end of
`write`. Services take a session and never commit.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

_AFTER_COMMIT = "after_commit"


class ReadSession(Session):
    """A session for reading. Services that write ask for a `WriteSession`, so mypy refuses this one there."""

    writes = False


class WriteSession(ReadSession):
    """A session that may write as well."""

    writes = True


def create_engine(url: str, *, application: str = "seedbed", pool_size: int = 10) -> Engine:
    """An engine for PostgreSQL.

    A session whose process was stopped in the middle of a transaction must not hold its locks for longer than a
    lease lasts: the server ends it.
    """
    return sqlalchemy_engine(
        normalized(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # error messages go to the log, stored values must not
        connect_args={
            "application_name": application,
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": " ".join(
                f"-c {name}={value}"
                for name, value in {
                    "timezone": "UTC",
                    "lock_timeout": "10s",
                    "statement_timeout": "30s",
                    "idle_in_transaction_session_timeout": "20s",
                }.items()
            ),
        },
    )


def normalized(url: str) -> URL:
    """`url` with psycopg 3 as its driver, whichever way PostgreSQL was spelt."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


@contextmanager
def read(bind: Engine | Connection) -> Iterator[ReadSession]:
    """A read-only transaction: every statement in it sees the same moment."""
    with ReadSession(bind) as session:
        session.connection(
            execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        )
        yield session


@contextmanager
def glance(bind: Engine | Connection) -> Iterator[ReadSession]:
    """For a single statement that reads: it sees one moment by itself, so that no transaction has to be begun and ended."""
    with ReadSession(bind) as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        yield session


@contextmanager
def write(bind: Engine | Connection) -> Iterator[WriteSession]:
    """A transaction: committed when the block ends well, rolled back when it raises.

    What was handed to `after_commit` runs once the commit has succeeded.
    """
    with WriteSession(bind, expire_on_commit=False) as session:
        yield session
        session.commit()
    for action in session.info.pop(_AFTER_COMMIT, ()):
        try:
            action()
        except Exception:
            # The commit remains. The actions only lower latency: maintenance and the readers' periodic reads of the
            # database make up for a failed one.
            log.warning("an action after the commit failed", exc_info=True)


def after_commit(session: WriteSession, action: Callable[[], object]) -> None:
    """Run `action` once the session's transaction is committed; never if it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


def now(session: ReadSession) -> datetime:
    """The time by the database's clock, which is the same for every process."""
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def set_for_transaction(session: WriteSession, setting: str, value: str) -> None:
    """Change a setting of the server, such as a time limit, until the transaction ends."""
    session.execute(select(func.set_config(setting, value, True)))
