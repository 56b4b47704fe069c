"""The database that the operator's commands work on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from standalone.home import Home


@contextmanager
def database() -> Iterator[Engine]:
    """The database of DATABASE_URL, or of the service that runs on this machine; at this version's revision."""
    import control.models  # noqa: F401, PLC0415 - SQLAlchemy needs every table that a foreign key refers to
    from control.db import create_engine  # noqa: PLC0415
    from control.migrate import check_revision  # noqa: PLC0415
    from control.settings import settings  # noqa: PLC0415

    find_service()
    check_revision(settings().database_url)
    engine = create_engine(settings().database_url, application="seedbed-server", pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()


def find_service() -> None:
    """If the environment has no DATABASE_URL, take the settings of the service that runs on this machine."""
    if "DATABASE_URL" not in os.environ:
        os.environ.update(Home().service() or {})
