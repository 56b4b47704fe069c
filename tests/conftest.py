"""Real PostgreSQL and Valkey for every test that needs them: started once, a separate database for each test.

`session` is for services called directly: one transaction, rolled back at the end. `engine` is for what needs several
connections or real commits: a fresh copy of a database that the migrations built.
"""

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Connection, Engine, NullPool, text
from sqlalchemy import create_engine as sqlalchemy_engine

from control.broker import Broker, broker
from control.db import WriteSession, create_engine, normalized
from control.migrate import upgrade
from control.settings import Settings, settings
from standalone.postgres import Postgres
from standalone.valkey import Valkey

# The duration of an example depends on the load of the machine, not on the code.
hypothesis.settings.register_profile("seedbed", deadline=None)
hypothesis.settings.load_profile("seedbed")

# In the background of a script, a shell makes its children ignore Ctrl-C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Outside pytest's own directories: as root, PostgreSQL runs as a user who may not enter those."""
    directory = Path(tempfile.mkdtemp(prefix="seedbed-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres(server_directory: Path) -> Iterator[Postgres]:
    """The PostgreSQL server."""
    with Postgres(server_directory / "postgres", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(server_directory: Path) -> Iterator[Valkey]:
    """The Valkey server, shared by all tests; a test that kills one starts its own."""
    with Valkey(server_directory / "valkey", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def administration(postgres: Postgres) -> Iterator[Connection]:
    """A connection that makes and drops databases."""
    url = normalized(postgres.url).set(database="postgres")
    engine = sqlalchemy_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """Name of the database that the migrations built; it has no connection, so that it can be copied."""
    upgrade(postgres.url)
    name = normalized(postgres.url).database
    assert name
    return name


@pytest.fixture
def empty_database_url(postgres: Postgres, administration: Connection) -> Iterator[str]:
    """A database without any table."""
    with _database(postgres, administration, "template0") as url:
        yield url


@pytest.fixture
def database_url(postgres: Postgres, administration: Connection, template: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    with _database(postgres, administration, template) as url:
        yield url


@pytest.fixture(scope="session")
def _shared_database_url(postgres: Postgres, administration: Connection, template: str) -> Iterator[str]:
    with _database(postgres, administration, template) as url:
        yield url


@pytest.fixture(scope="session")
def _shared_engine(_shared_database_url: str) -> Iterator[Engine]:
    engine = create_engine(_shared_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The settings of this test, from the environment as in production. Redis is empty."""
    own = {"engine", "database_url"} & set(request.fixturenames)
    monkeypatch.setenv(
        "DATABASE_URL", request.getfixturevalue("database_url" if own else "_shared_database_url")
    )
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path}/storage")
    monkeypatch.setenv("SEEDBED_SECRET", "only for tests: thirty-two characters at least")
    monkeypatch.setenv("SEEDBED_CACHE_DIRECTORY", str(tmp_path / "cache"))
    settings.cache_clear()
    broker.cache_clear()
    broker().live.flushall()
    yield settings()
    broker().close()
    broker.cache_clear()
    settings.cache_clear()


@pytest.fixture
def test_broker(environment: Settings) -> Broker:
    """The broker that services use in this test."""
    return broker()


@pytest.fixture
def session(_shared_engine: Engine, environment: Settings) -> Iterator[WriteSession]:
    """A transaction that is rolled back: nothing is committed, so nothing waits for a commit either."""
    with WriteSession(_shared_engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def engine(database_url: str, environment: Settings) -> Iterator[Engine]:
    """Connections to a migrated database of this test's own; what is committed is there."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@contextlib.contextmanager
def _database(postgres: Postgres, administration: Connection, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # The template is small: copying it through the log costs less than the two checkpoints of FILE_COPY.
    administration.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG"))
    yield normalized(postgres.url).set(database=name).render_as_string(hide_password=False)
    administration.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
