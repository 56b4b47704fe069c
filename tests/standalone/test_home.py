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
    """Where others may pass, as below a machine's shared directories."""
    return Home(server_directory / f"home-{tmp_path.name}")


@pytest.fixture
def careless() -> Iterator[None]:
    """A user who lets everybody read what is new."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_users_uploaded_is_entered_by_nobody_else(home: Home, careless: None) -> None:
    home.claim().release()
    home.postgres()  # as root it lets its own user pass through
    assert {_mode(path) for path in (home.storage, home.cache)} == {0o700}


def test_a_directory_of_an_earlier_version_is_closed(home: Home, careless: None) -> None:
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


def test_one_service_a_directory(home: Home) -> None:
    lock = home.claim()
    assert home.running
    with pytest.raises(ProblemError, match="already running"):
        home.claim()
    lock.release()
    assert not home.running


def test_secrets_are_this_users_alone(home: Home, careless: None) -> None:
    home.claim().release()
    secret = home.secret()
    assert len(secret) >= 32
    assert home.secret() == secret
    home.remember_client("http://127.0.0.1:8000", "sb_key")
    home.remember_service({"DATABASE_URL": "postgresql://"})
    for name in ("secret", "client.json", "service.json"):
        assert _mode(home.directory / name) == 0o600, name
