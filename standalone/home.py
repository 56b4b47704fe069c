"""The data directory of a service on one machine.

``lock``           held by the one ``up`` that runs here
``postgres/``      the database (or a link to where it is, when root's own directories may not be entered by others)
``valkey/``        doorbells and live news
``storage/``       datasets, checkpoints, logs (mode 0700)
``cache/``         what the worker keeps at hand; may be deleted while nothing runs (mode 0700)
``secret``         keys the HMAC of API keys (mode 0600); while it is being replaced, the new one in the first line
                   and those before it below
``client.json``    URL and admin key for this machine's user (mode 0600); the ``seedbed`` command finds it
``service.json``   how the running service's parts are reached (mode 0600)
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

from standalone.postgres import reachable, unprivileged_user
from standalone.problems import ProblemError
from worker.locks import FileLock

_ROOTS_DATABASES = Path("/var/lib/seedbed")


def default_directory() -> Path:
    """``SEEDBED_HOME``, else the user's data directory."""
    named = os.environ.get("SEEDBED_HOME")
    return Path(named) if named else platformdirs.user_data_path("seedbed", appauthor=False)


class Home:
    """See the module's docstring."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = (directory or default_directory()).expanduser().absolute()
        self.valkey = self.directory / "valkey"
        self.storage = self.directory / "storage"
        self.cache = self.directory / "cache"
        self._client = self.directory / "client.json"
        self._service = self.directory / "service.json"

    def claim(self) -> FileLock:
        """Make the directory, and keep every other ``up`` out of it until the lock is released.

        Raises:
            ProblemError: it cannot be written, or another ``up`` runs there.
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
                "write there, or name another directory by SEEDBED_HOME."
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
        """Where the database is, or shall be.

        Root's PostgreSQL runs as another user. Where that user can reach this directory, the database is in it; where
        not (below ``/root``), it is below ``/var/lib/seedbed``, and a link here leads to it. Nobody else's directory is
        opened for it.
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
                f"{_ROOTS_DATABASES}: {error.strerror}. Name a directory that others may enter by SEEDBED_HOME."
            ) from error
        path.symlink_to(target)
        return target

    def secret(self) -> str:
        """The server's secret, made at the first call."""
        return self.secrets()[0]

    def secrets(self) -> list[str]:
        """The secret, then those that it replaces."""
        path = self.directory / "secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text().split()

    def client(self) -> dict[str, Any] | None:
        """URL and key for this machine's user; None before the first start."""
        return read_private(self._client)

    def remember_client(self, url: str, key: str) -> None:
        write_private(self._client, json.dumps({"url": url, "key": key}, indent=2) + "\n")

    def service(self) -> dict[str, str] | None:
        """The environment of the service that runs here; None where none does."""
        return read_private(self._service) if self.running else None

    def remember_service(self, environment: dict[str, str]) -> None:
        write_private(self._service, json.dumps(environment, indent=2) + "\n")

    def forget_service(self) -> None:
        self._service.unlink(missing_ok=True)


def make_private(directory: Path) -> None:
    """Make a directory that only this user may enter; one of this user's that is there loses all others' rights."""
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
    """Write a file that only this user can read, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
