"""The data directory of a service on one machine."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from standalone.home import Home
from standalone.postgres import unprivileged_user
from standalone.problems import ProblemError


@pytest.fixture
def home(server_directory: Path, tmp_path: Path) -> Home:
    """A data directory below one that other users may enter, as in a machine's shared directories."""
    return Home(server_directory / f"home-{tmp_path.name}")


@pytest.fixture
def permissive_umask() -> Iterator[None]:
    """Sets a umask by which everybody may read new files."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_storage_and_cache_are_private(home: Home, permissive_umask: None) -> None:
    home.claim().release()
    home.postgres()  # started by root, it allows PostgreSQL's user to enter the directory
    assert {_mode(path) for path in (home.storage, home.cache)} == {0o700}


def test_a_directory_of_an_earlier_version_becomes_private(home: Home, permissive_umask: None) -> None:
    for path in (home.storage, home.cache):
        path.mkdir(parents=True)
        path.chmod(0o755)
    home.claim().release()
    assert {_mode(path) for path in (home.storage, home.cache)} == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
def test_another_user_cannot_list_the_storage(home: Home) -> None:
    home.claim().release()
    home.postgres()
    (home.storage / "corpus.txt").write_text("private")
    user = unprivileged_user()
    assert user
    tried = subprocess.run(
        [sys.executable, "-S", "-c", f"import os; os.setuid({user}); os.listdir({str(home.storage)!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PermissionError" in tried.stderr


def test_a_directory_has_one_service(home: Home) -> None:
    lock = home.claim()
    assert home.running
    with pytest.raises(ProblemError, match="already running"):
        home.claim()
    lock.release()
    assert not home.running


def test_files_with_secrets_are_readable_by_their_owner_only(home: Home, permissive_umask: None) -> None:
    home.claim().release()
    secret = home.secret()
    assert len(secret) >= 32
    assert home.secret() == secret
    home.write_client("http://127.0.0.1:8000", "sb_key")
    home.write_service({"DATABASE_URL": "postgresql://"})
    for name in ("secret", "client.json", "service.json"):
        assert _mode(home.directory / name) == 0o600, name
