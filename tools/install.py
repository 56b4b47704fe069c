"""Install what a command of ``./run`` needs: the virtual environment, the dashboard's packages, its build.

    python -m tools.install serve|dev|check|lock

Every part has a stamp file: a hash of the files that it was made from, written last. A part whose stamp
matches is left as it is; an interrupted installation has no stamp and is made again. A file lock
serialises installations that are started at the same time.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Protocol

from tools.node import npm, use_node
from tools.steps import (
    CACHE,
    DASHBOARD,
    LOCKED,
    PYTHON,
    ROOT,
    VENV,
    StepFailed,
    digest,
    execute,
    installation_lock,
    pip,
    read_stamp,
    say,
    timed_step,
    write_stamp,
)

LOCKS = {"serve": "requirements.lock", "dev": "requirements-dev.lock"}
BUILT = {"node_modules", "dist", ".vite", "coverage", "test-results"}


def main(purpose: str) -> None:
    """Install what a command needs.

    Args:
        purpose: ``serve`` for demo and up, ``dev`` for test and bench, ``check`` and ``lock`` for the commands of
            these names.
    """
    parts = needed(purpose)
    if all(part.is_made() for part in parts):
        return
    with installation_lock():
        for part in parts:
            if not part.is_made():
                part.make()


def needed(purpose: str) -> list["Part"]:
    """The parts that a command needs, in the order of installation."""
    environment = Environment("serve" if purpose == "serve" else "dev")
    dashboard: dict[str, list[Part]] = {"check": [DashboardPackages()], "lock": []}
    return [environment, *dashboard.get(purpose, [DashboardPackages(), DashboardBuild()])]


class Part(Protocol):
    """One part of the installation. It is made once, and made again when its sources change."""

    def is_made(self) -> bool:
        """Whether the part is there, complete, and made from the current sources."""

    def make(self) -> None:
        """Make the part. The stamp that `is_made` reads is written last."""


class Environment:
    """The virtual environment: the locked packages, PyTorch, and editable installs of the project and the client."""

    def __init__(self, level: str) -> None:
        self.level = level
        self.lock = ROOT / LOCKS[level]

    def is_made(self) -> bool:
        """Whether the environment was made from this lock file, for this level."""
        return read_stamp(self._stamp()) == self.wanted() and PYTHON.exists()

    def make(self) -> None:
        """Install what is missing or differs."""
        interrupted = VENV / ".seedbed-installing"
        if interrupted.exists():
            # pip takes a half-unpacked package for an installed one, so an interrupted installation cannot be repaired.
            say("the last installation was interrupted; starting it again from the beginning")
            shutil.rmtree(VENV)
        if not _works([PYTHON, "-m", "pip", "--version"]):
            say(f"making .venv with Python {sys.version.split()[0]}")
            execute([sys.executable, "-m", "venv", "--clear", VENV], "making the virtual environment")
        interrupted.touch()
        for level in LOCKS:
            (VENV / f".seedbed-{level}").unlink(missing_ok=True)
        with timed_step(f"installing the packages of {self.lock.name}"):
            pip(*LOCKED, self.lock)
        # Installed without a hash: the platform and the user decide which file is right (CPU, CUDA, macOS). Its
        # dependencies, except those for CUDA, are in the lock file already.
        torch = torch_requirement()
        with timed_step(f"installing {torch}"):
            pip(torch)
        with timed_step("installing Seedbed"):
            pip("--no-deps", "--no-build-isolation", "-e", ROOT, "-e", ROOT / "client")
        write_stamp(self._stamp(), self.wanted())
        if self.level == "dev":
            write_stamp(VENV / ".seedbed-serve", Environment("serve").wanted())
        interrupted.unlink()

    def _stamp(self) -> Path:
        return VENV / f".seedbed-{self.level}"

    def wanted(self) -> str:
        """The text that the stamp must hold."""
        # An editable install lists the packages that existed when it was made, by their full paths.
        packages = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
        sources = [self.lock, ROOT / "pyproject.toml", ROOT / "client" / "pyproject.toml"]
        return digest(sources, extra=[str(ROOT), torch_requirement(), *packages])


class DashboardPackages:
    """``dashboard/node_modules``, installed by npm from its lock file."""

    lock = DASHBOARD / "package-lock.json"
    stamp = DASHBOARD / "node_modules" / ".seedbed-lock"

    def is_made(self) -> bool:
        """Whether the packages were installed from the current lock file."""
        return read_stamp(self.stamp) == digest([self.lock])

    def make(self) -> None:
        """Install the packages again; npm removes the old ones first, and the stamp with them."""
        use_node()
        with timed_step("installing the dashboard's packages"):
            npm("ci", "--no-audit", "--no-fund")
        write_stamp(self.stamp, digest([self.lock]))


class DashboardBuild:
    """``dashboard/dist``, built by Vite."""

    stamp = CACHE / "dashboard.stamp"

    def is_made(self) -> bool:
        """Whether the build was made from the current sources."""
        return (DASHBOARD / "dist" / "index.html").exists() and read_stamp(self.stamp) == digest(_sources())

    def make(self) -> None:
        """Build the dashboard."""
        self.stamp.unlink(missing_ok=True)
        use_node()
        sources = digest(_sources())
        with timed_step("building the dashboard"):
            npm("run", "build")
        write_stamp(self.stamp, sources)


def torch_requirement() -> str:
    """The requirement that pip installs as PyTorch: ``SEEDBED_TORCH``, else the pin in ``pyproject.toml``."""
    chosen = os.environ.get("SEEDBED_TORCH", "").strip()
    if chosen:
        return chosen
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = [line for line in project["dependencies"] if re.match(r"torch\b", line)]
    if len(pins) != 1:
        raise StepFailed(f"pyproject.toml must list torch once, and lists it {len(pins)} times.")
    return str(pins[0])


def _sources() -> list[Path]:
    found = []
    for directory, names, files in os.walk(DASHBOARD):
        names[:] = [name for name in names if name not in BUILT]
        found += [Path(directory, file) for file in files if not file.endswith(".tsbuildinfo")]
    return sorted(found)


def _works(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except StepFailed as error:
        sys.exit(f"run: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
