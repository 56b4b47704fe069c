"""The data directory of a service on one machine.

``lock``           file lock, held by the one ``up`` that runs on this directory
``postgres/``      the database (or a link to it, where other users may not enter root's directories)
``valkey/``        wake-up messages and live events
``storage/``       datasets, checkpoints, logs (mode 0700)
``cache/``         the worker's cache of files; may be deleted while nothing runs (mode 0700)
``secret``         the key of the HMAC of API keys (mode 0600); while it is being replaced, the new one in the first line
                   and the previous ones below
``client.json``    URL and admin key for this machine's user (mode 0600); the ``seedbed`` command reads it
``service.json``   environment variables with the addresses of the running service's parts (mode 0600)
"""

import hashlib
import json
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from control.locks import FileLock
from standalone.postgres import reachable, unprivileged_user
from standalone.problems import ProblemError

_ROOTS_DATABASES = Path("/var/lib/seedbed")


def default_directory() -> Path:
    """``SEEDBED_HOME``, else the user's data directory."""
    named = os.environ.get("SEEDBED_HOME")
    return Path(named) if named else platformdirs.user_data_path("seedbed", appauthor=False)


class Home:
    """The data directory; the module's docstring lists its files."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = (directory or default_directory()).expanduser().absolute()
        self.valkey = self.directory / "valkey"
        self.storage = self.directory / "storage"
        self.cache = self.directory / "cache"
        self._client = self.directory / "client.json"
        self._service = self.directory / "service.json"

    def claim(self) -> FileLock:
        """Make the directory and lock it: no other ``up`` can use it until the lock is released.

        Raises:
            ProblemError: the directory cannot be written, or another ``up`` runs on it.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for directory in (self.storage, self.cache):
                make_private(directory)
            return FileLock(self.directory / "lock", wait=False)
        except BlockingIOError as error:
            where = (read_private(self._client) or {}).get("url", "its address")
            raise ProblemError(
                f"A service is already running on {self.directory} (at {where}). Use that one, or stop it first."
            ) from error
        except OSError as error:
            raise ProblemError(
                f"The data directory {self.directory} cannot be used: {error.strerror}. Give this user the right to "
                "write there, or set SEEDBED_HOME to another directory."
            ) from error

    @property
    def running(self) -> bool:
        """Whether an ``up`` runs on this directory."""
        if not (self.directory / "lock").exists():
            return False
        try:
            FileLock(self.directory / "lock", wait=False).release()
        except BlockingIOError:
            return True
        return False

    def postgres(self) -> Path:
        """The directory of the database, which may not exist yet.

        When root starts the service, PostgreSQL runs as another user. If that user can reach this directory, the database
        is in it; if not (below ``/root``), it is below ``/var/lib/seedbed``, and a link here points to it. The permissions
        of parent directories are never changed.
        """
        path = self.directory / "postgres"
        user = unprivileged_user()
        if path.exists() or user is None:
            return path.resolve()
        if reachable(self.directory.parent, user):
            self.directory.chmod(stat.S_IMODE(self.directory.stat().st_mode) | stat.S_IXOTH)
            return path
        name = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        try:
            _ROOTS_DATABASES.mkdir(mode=0o711, exist_ok=True)
            target = _ROOTS_DATABASES / name
            target.mkdir(mode=0o711, exist_ok=True)
        except OSError as error:
            raise ProblemError(
                f"Started by root, PostgreSQL runs as another user, who can reach neither {self.directory} nor "
                f"{_ROOTS_DATABASES}: {error.strerror}. Set SEEDBED_HOME to a directory that others may enter."
            ) from error
        path.symlink_to(target)
        return target

    def secret(self) -> str:
        """The service's secret, made at the first call."""
        return self.secrets()[0]

    def secrets(self) -> list[str]:
        """The secret, followed by the previous ones that it replaces."""
        path = self.directory / "secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text().split()

    def client(self) -> dict[str, Any] | None:
        """URL and key for this machine's user; None before the first start."""
        return read_private(self._client)

    def write_client(self, url: str, key: str) -> None:
        write_private(self._client, json.dumps({"url": url, "key": key}, indent=2) + "\n")

    def service(self) -> dict[str, str] | None:
        """The environment variables of the service that runs here; None if none runs."""
        return read_private(self._service) if self.running else None

    def write_service(self, environment: dict[str, str]) -> None:
        write_private(self._service, json.dumps(environment, indent=2) + "\n")

    def remove_service(self) -> None:
        self._service.unlink(missing_ok=True)


def make_private(directory: Path) -> None:
    """Make a directory with mode 0700. If it exists and belongs to this user, other users' permissions are removed."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077 and status.st_uid == os.geteuid():
        directory.chmod(mode & ~0o077)


def read_private(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, atomically."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
