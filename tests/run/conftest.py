"""A project small enough to be installed within a test, by the real ``./run``, pip and npm."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.lock import read_lock

ROOT = Path(__file__).parents[2]
PYTHON = str(Path(sys.executable).resolve())
"""The Python that the virtual environment was made with."""

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1"
dependencies = [{dependencies}]

[tool.setuptools.packages.find]
include = ["{package}"]
"""

DASHBOARD = """
{"name": "small", "version": "1.0.0", "private": true,
 "scripts": {"build": "mkdir -p dist && cp page.html dist/index.html && node --version > dist/node"}}
"""

DASHBOARD_LOCK = """
{"name": "small", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
 "packages": {"": {"name": "small", "version": "1.0.0"}}}
"""


class Project:
    """A small checkout. ``six`` takes PyTorch's role: it is installed without a hash."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {**os.environ, "SEEDBED_TORCH": "six"}
        (root / "client" / "seedbed").mkdir(parents=True)
        (root / "client" / "seedbed" / "__init__.py").touch()
        (root / "server").mkdir()
        (root / "server" / "__init__.py").touch()
        (root / "dashboard").mkdir()
        shutil.copy(ROOT / "run", root)
        shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        self.write("pyproject.toml", PYPROJECT.format(name="s", dependencies='"torch==2"', package="server"))
        self.write("client/pyproject.toml", PYPROJECT.format(name="c", dependencies="", package="seedbed"))
        self.write("dashboard/package.json", DASHBOARD)
        self.write("dashboard/package-lock.json", DASHBOARD_LOCK)
        self.write("dashboard/page.html", "first")
        self.lock("setuptools", "idna")
        shutil.copy(ROOT / "requirements-node.lock", root)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def lock(self, *packages: str) -> None:
        """Lock these packages with the entries of the real lock files."""
        locked = read_lock(ROOT / "requirements-dev.lock")
        text = "\n".join(locked[package] for package in packages) + "\n"
        self.write("requirements.lock", text)
        self.write("requirements-dev.lock", text)

    def start(self, *command: str, **env: str) -> subprocess.Popen[str]:
        """Start a command in the checkout, in its own process group."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **env: str) -> tuple[int, str]:
        """Run a command; return its exit status and output."""
        process = self.start(*command, **env)
        output, _ = process.communicate()
        return process.returncode, output

    def install(self, level: str = "serve", **env: str) -> tuple[int, str]:
        """Install as `./run` does before its command."""
        return self.run(PYTHON, "-m", "tools.install", level, **env)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a command and all processes that it started, by SIGKILL."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def imports(self, *modules: str) -> bool:
        return self.run(".venv/bin/python", "-c", f"import {', '.join(modules)}")[0] == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A new checkout in which nothing is installed."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A checkout that is installed once for all tests; a test changes the files that it names, and installs again."""
    project = Project(tmp_path_factory.mktemp("installed") / "project")
    status, output = project.install()
    assert status == 0, output
    yield project
    shutil.rmtree(project.root)
