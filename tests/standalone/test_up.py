"""The whole service by one command, as a user starts and stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from control.db import create_engine, write
from tests.worker.conftest import ROOT, await_gone, eventually


class Up:
    """A running ``seedbed-server up``."""

    def __init__(self, process: "subprocess.Popen[bytes]", home: Path, log: Path) -> None:
        self.process = process
        self._home = home
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def client(self) -> dict[str, str]:
        return json.loads((self._home / "client.json").read_text())

    @property
    def environment(self) -> dict[str, str]:
        return json.loads((self._home / "service.json").read_text())

    def get(self, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.client['key']}"}
        return httpx.get(f"{self.client['url']}{path}", headers=headers, timeout=30)

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process | None:
        for process in psutil.Process(self.process.pid).children():
            if name in process.cmdline() or process.name() == name:
                return process
        return None


@contextmanager
def up(home: Path, log: Path) -> Iterator[Up]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "standalone.cli", "up", "--port", "0"],
            cwd=ROOT,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    service = Up(process, home, log)
    left: list[psutil.Process] = []
    try:
        eventually(lambda: "Ctrl-C stops it" in service.log or process.poll() is not None, "the start")
        assert process.poll() is None, service.log
        yield service
    finally:
        if process.poll() is None:
            left = service.tree()
            process.kill()
        process.wait()
        await_gone(left, 10)


def environment(home: Path) -> dict[str, str]:
    ours = ("DATABASE_", "REDIS_", "STORAGE_", "SEEDBED_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**plain, "SEEDBED_HOME": str(home), "SEEDBED_DEVICE": "cpu"}


def command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "standalone.cli", *arguments],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )


def sentence(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a failed command prints."""
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("seedbed-server: ")
    return line


@pytest.fixture(scope="module")
def home(server_directory: Path) -> Path:
    return server_directory / "home"


def test_a_service_is_started_used_stopped_and_started_again(home: Path, tmp_path: Path) -> None:
    with up(home, tmp_path / "first.log") as service:
        assert "An admin key was made" in service.log
        assert service.client["key"] not in service.log
        assert (home / "client.json").stat().st_mode & 0o777 == 0o600
        session: dict[str, Any] = service.get("/v1/session").json()
        eventually(lambda: service.get("/v1/workers").json()["data"], "the worker's registration")

        assert "already running" in sentence(command(home, "up", "--port", "0"))
        assert service.client["url"] in sentence(command(home, "up", "--port", "0"))

        made = command(home, "key", "create", "--name", "reader", "--scopes", "read")
        assert made.returncode == 0, made.stderr
        text_key = made.stdout.strip()
        answer = httpx.get(
            f"{service.client['url']}/v1/jobs", headers={"Authorization": f"Bearer {text_key}"}
        )
        assert answer.status_code == 200
        assert command(home, "doctor").returncode == 0

        everything = service.tree()
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0
        await_gone(everything)
        assert not (home / "service.json").exists()

    with up(home, tmp_path / "second.log") as service:
        assert "An admin key was made" not in service.log
        assert service.get("/v1/session").json()["project"] == session["project"]

        api = service.part("api")
        assert api is not None
        api.kill()
        eventually(lambda: "api has died (SIGKILL)" in service.log, "the note of the death")
        eventually(lambda: _answers(service), "the API's return")

        everything = service.tree()
        service.process.kill()
        service.process.wait()
        await_gone(everything, 10)


def test_a_port_in_use_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = sentence(command(tmp_path / "home", "up", "--port", str(port)))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_directory_that_cannot_be_written_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = sentence(command(tmp_path / "file" / "home", "up"))
    assert str(tmp_path / "file" / "home") in said
    assert "SEEDBED_HOME" in said


def test_a_database_newer_than_the_code_is_reported_in_one_sentence(home: Path, tmp_path: Path) -> None:
    with up(home, tmp_path / "up.log") as service:
        engine = create_engine(service.environment["DATABASE_URL"])
        with write(engine) as session:
            revision = session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            assert revision.rowcount == 1  # type: ignore[attr-defined]
        engine.dispose()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0

    result = command(home, "up", "--port", "0")

    assert result.returncode == 1
    assert "a newer one has used it" in result.stderr.splitlines()[-1]


def test_a_command_without_a_service_says_how_to_get_one(tmp_path: Path) -> None:
    said = sentence(command(tmp_path / "home", "key", "list"))
    assert "DATABASE_URL" in said
    assert "seedbed-server up" in said


def test_an_unknown_scope_is_reported_in_one_sentence(tmp_path: Path) -> None:
    said = sentence(command(tmp_path / "home", "key", "create", "--name", "x", "--scopes", "root"))
    assert "read, write, admin" in said


def _answers(service: Up) -> bool:
    try:
        return service.get("/v1/session").status_code == 200
    except httpx.TransportError:
        return False
