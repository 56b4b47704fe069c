"""The preloaded server: its wire format, and which processes end together."""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data import data_files
from core.data.locks import locked
from core.data.text import cache_key
from core.spec.job import JobSpec
from tests.core.conftest import serving


@pytest.fixture
def busy(spec: dict[str, Any], corpus: Path, tmp_path: Path) -> Iterator[list[str]]:
    """Arguments of a run that waits for its data, until it is killed or the test ends."""
    job = tmp_path / "busy.json"
    job.write_text(json.dumps(spec))
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    key = cache_key(data_files([corpus]), JobSpec.model_validate(spec).data)
    with locked(waiting / f"{key}.lock"):
        argv = [
            "run",
            str(job),
            "--data",
            str(corpus),
            "--out",
            str(tmp_path / "out"),
            "--cache",
            str(waiting),
        ]
        yield [*argv, "--events-fd", "3"]


def test_preloading_starts_no_thread(engine_server: Any) -> None:
    with engine_server.connect() as connection:
        connection.sendall(b"not json\n")
        assert connection.recv(4096)  # it responds when all imports are done
    assert len(list(Path(f"/proc/{engine_server.process.pid}/task").iterdir())) == 1


def test_the_answer_tells_the_pid_and_then_the_exit_code(engine_server: Any, tmp_path: Path) -> None:
    engine = engine_server.request(["run", "--help"], tmp_path / "log")
    with contextlib.closing(engine):
        assert engine.end() == {"exit": 0}
        assert engine.answers.readline() == b""  # the server closes
    assert "--resume" in engine.log.read_text()


def test_an_engine_has_the_environment_and_the_directory_of_its_request(
    engine_server: Any, tmp_path: Path
) -> None:
    lines = {}
    for columns in ("44", "200"):
        log = tmp_path / columns
        engine = engine_server.request(["run", "--help"], log, env={"COLUMNS": columns})
        with contextlib.closing(engine):
            engine.end()
        lines[columns] = len(log.read_text().splitlines())
    assert lines["44"] > lines["200"]
    missing = ["run", "missing.yaml", "--data", "x", "--out", "out", "--events-fd", "3"]
    engine = engine_server.request(missing, tmp_path / "log", cwd=tmp_path)
    with contextlib.closing(engine):
        assert engine.end() == {"exit": 64}
    assert engine.of("failed")[0]["code"] == "spec_invalid"


def test_an_engine_leads_its_own_session_and_holds_no_other_descriptor(
    engine_server: Any, busy: list[str], tmp_path: Path
) -> None:
    with contextlib.closing(engine_server.request(busy, tmp_path / "log")) as engine:
        engine.until("started")
        assert os.getsid(engine.pid) == os.getpgid(engine.pid) == engine.pid
        fds = Path(f"/proc/{engine.pid}/fd").iterdir()
        targets = {fd.name: str(fd.readlink()) for fd in fds}
        assert targets["0"] == "/dev/null"
        assert targets["1"] == targets["2"] == str(tmp_path / "log")
        assert targets["3"].startswith("pipe:")
        assert not [target for target in targets.values() if target.startswith("socket:")]


def test_a_signal_reaches_the_engine_and_its_exit_is_reported(
    engine_server: Any, busy: list[str], tmp_path: Path
) -> None:
    with contextlib.closing(engine_server.request(busy, tmp_path / "log")) as engine:
        engine.until("started")
        engine.signal(signal.SIGKILL)
        assert engine.end() == {"signal": 9}


def test_a_closed_connection_kills_the_engine(engine_server: Any, busy: list[str], tmp_path: Path) -> None:
    engine = engine_server.request(busy, tmp_path / "log")
    engine.until("started")
    engine.answers.close()
    engine.connection.close()
    assert engine.gone()
    engine.close()


def test_the_death_of_the_server_kills_its_engines(own_server: Any, busy: list[str], tmp_path: Path) -> None:
    with contextlib.closing(own_server.request(busy, tmp_path / "log")) as engine:
        engine.until("started")
        own_server.process.kill()
        assert engine.gone()


def test_the_death_of_the_parent_kills_the_server(tmp_path: Path) -> None:
    script = f"""
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind({str(tmp_path / "s")!r})
listener.listen()
fd = str(listener.fileno())
command = [sys.executable, "-m", "core", "serve", "--fd", fd, "--parent", str(os.getpid())]
print(subprocess.Popen(command, pass_fds=[int(fd)], stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    with parent:
        assert parent.stdout
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert select.select([pidfd], [], [], 60)[0]
    os.close(pidfd)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"nonsense\n", "not understood"),
        (b"[1]\n", "JSON object"),
        (b'{"argv": ["run"]}\n', "3 file descriptors, not 0"),
        (b"x" * (256 * 1024 + 1), "at most"),
    ],
)
def test_a_request_that_cannot_be_served_gets_the_reason(
    engine_server: Any, message: bytes, problem: str
) -> None:
    with engine_server.connect() as connection, contextlib.suppress(BrokenPipeError):
        connection.sendall(message)
        with connection.makefile("rb") as answers:
            assert problem in json.loads(answers.readline())["error"]
            assert answers.readline() == b""


def test_a_request_may_arrive_in_pieces(engine_server: Any, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with engine_server.connect() as connection, (tmp_path / "log").open("wb") as log:
        socket.send_fds(connection, [b'{"argv": ["run", '], [log.fileno(), log.fileno(), writer])
        connection.sendall(b'"--help"]}\n')
        with connection.makefile("rb") as answers:
            assert json.loads(answers.readline())["pid"]
            assert json.loads(answers.readline())["exit"] == 0
    os.close(reader)
    os.close(writer)


@pytest.fixture(scope="module")
def slow_leader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server whose engines never become leaders of a process group."""
    with serving(tmp_path_factory.mktemp("slow"), module="tests.core.slow_leader") as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_ends_before_it_leads_a_group_is_reported_and_the_next_one_served(
    slow_leader: Any, tmp_path: Path, number: signal.Signals
) -> None:
    for _ in range(3):
        with contextlib.closing(slow_leader.request(["run", "--help"], tmp_path / "log")) as engine:
            engine.signal(number)
            assert engine.end() == {"signal": number}
            assert engine.answers.readline() == b""
    assert slow_leader.process.poll() is None


def test_a_connection_that_closes_before_the_engine_leads_a_group_kills_it(
    slow_leader: Any, tmp_path: Path
) -> None:
    for _ in range(3):
        engine = slow_leader.request(["run", "--help"], tmp_path / "log")
        engine.answers.close()
        engine.connection.close()
        assert engine.gone()
        engine.close()
    with contextlib.closing(slow_leader.request(["run", "--help"], tmp_path / "log")) as engine:
        engine.signal(signal.SIGKILL)
        assert engine.end() == {"signal": 9}


def test_a_signal_to_an_engine_that_has_just_ended_is_no_error(slow_leader: Any, tmp_path: Path) -> None:
    with contextlib.closing(slow_leader.request(["run", "--help"], tmp_path / "log")) as engine:
        engine.connection.sendall(b'{"signal": 9}\n' * 50)
        assert engine.end() == {"signal": 9}
    assert slow_leader.process.poll() is None


def test_a_connection_that_finds_no_descriptor_left_is_served_later(slow_leader: Any, tmp_path: Path) -> None:
    pid = slow_leader.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with contextlib.closing(slow_leader.request(["run", "--help"], tmp_path / "log")) as engine:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        with slow_leader.connect() as connection:
            # The server reports the end of this engine after it has checked the connection.
            engine.signal(signal.SIGKILL)
            assert engine.end() == {"signal": 9}
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            connection.sendall(b"not json\n")
            assert b"not understood" in connection.recv(4096)
