"""The embedded servers: start, stop, kill, and access by other users."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from standalone.postgres import Postgres
from standalone.server import EmbeddedServer, ServerError
from standalone.valkey import Valkey
from tests.worker.conftest import ROOT, await_gone


@pytest.fixture
def place(server_directory: Path, tmp_path: Path) -> Path:
    """A directory that PostgreSQL's user can reach; pytest's own cannot be reached if root runs the tests."""
    directory = server_directory / tmp_path.name
    directory.mkdir(mode=0o711)
    return directory


def connect(server: Postgres, **changes: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True, **changes)


def test_committed_rows_survive_a_stop_and_a_kill(place: Path) -> None:
    server = Postgres(place / "postgres", durable=False)
    with server:
        url = server.url
        with connect(server) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
    with server:
        assert server.url == url
        with connect(server) as connection:
            connection.execute("INSERT INTO kept VALUES (2)")
        server.kill()
        server.start()
        with connect(server) as connection:
            assert connection.execute("SELECT sum(n) FROM kept").fetchone() == (3,)


def test_a_connection_needs_the_password(place: Path) -> None:
    with Postgres(place / "postgres", durable=False) as server:
        with pytest.raises(psycopg.OperationalError, match="password"):
            connect(server, password="guessed")
        for name in ("password", "data", "run"):
            path = server.directory / name
            assert not stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO), path


def test_valkey_listens_only_on_a_private_socket(place: Path) -> None:
    with Valkey(place / "valkey") as server:
        client = redis.Redis.from_url(server.url)
        assert client.config_get("port") == {"port": "0"}
        client.close()
        assert stat.S_IMODE((server.directory / "run").stat().st_mode) == 0o700


def test_a_long_path_gets_a_shorter_socket_directory(place: Path) -> None:
    deep = place.joinpath(*["a-directory-with-a-long-name"] * 5)
    for parent in reversed(deep.relative_to(place).parents):
        (place / parent).mkdir(mode=0o711, exist_ok=True)
    left = Path(tempfile.mkdtemp(prefix="seedbed-socket-", dir="/tmp"))
    (left / "lock").touch()
    with Postgres(deep, durable=False) as server, connect(server) as connection:
        assert not left.exists(), "its process was killed"
        assert connection.execute("SELECT 1").fetchone() == (1,)
        short = Path(server.url.partition("host=")[2])
        assert not stat.S_IMODE(short.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    assert not short.exists()


def test_data_of_another_version_are_refused_with_a_message(place: Path) -> None:
    with Postgres(place / "postgres", durable=False) as server:
        pass
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match="written by PostgreSQL 16"):
        server.start()


@pytest.mark.parametrize("kind", [Postgres, Valkey])
def test_a_server_ends_with_its_parent_and_the_next_one_waits_for_its_end(
    place: Path, kind: type[EmbeddedServer]
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        f"from {kind.__module__} import {kind.__name__}\n"
        f"server = {kind.__name__}(Path(sys.argv[1]), durable=False); server.start()\n"
        "print(server.process.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(place / "data")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        everything = [server, *server.children(recursive=True)]
        owner.send_signal(signal.SIGKILL)
    with kind(place / "data", durable=False):  # type: ignore[call-arg]
        await_gone(everything)


def test_a_stale_pid_file_is_ignored(place: Path) -> None:
    with Postgres(place / "postgres", durable=False) as server:
        pass
    (server.data / "postmaster.pid").write_text(f"{os.getppid()}\n{server.data}\n0\n5432\n\n\n\nready\n")
    with server, connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
