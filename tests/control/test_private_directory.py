"""Directories of killed processes are removed by the next process of the same kind, those of living ones are not."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from control.inspection.server import InspectionServer
from control.private_directory import PrivateDirectory

PREFIX = "seedbed-test-"
MAKE = f"""
import sys
from control.private_directory import PrivateDirectory
print(PrivateDirectory({PREFIX!r}).path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_the_directory_of_a_killed_process_is_removed(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        first = PrivateDirectory(PREFIX)
        assert left.is_dir(), "its process is alive"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert left.is_dir()
    second = PrivateDirectory(PREFIX)
    assert {path.name for path in temporary.iterdir()} == {first.path.name, second.path.name}
    first.remove()
    second.remove()
    assert not list(temporary.iterdir())


def test_the_server_of_inspections_removes_what_a_killed_one_left(temporary: Path) -> None:
    left = temporary / "seedbed-inspect-killed"
    left.mkdir()
    (left / "lock").touch()
    server = InspectionServer()
    server.start()
    assert not left.exists()
    server.close()
    assert not list(temporary.iterdir())
