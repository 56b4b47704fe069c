"""The package of `docs/your-own-task.md`, as a reader of that page would write and install it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "your-own-task.md"

_FILE = re.compile(r"^`seedbed-mirror/([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A path on a line of its own, then a block of code: the file's content."""


def files() -> dict[str, str]:
    """Path → content of every file that the page shows."""
    return dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))


def write(directory: Path) -> Path:
    """Write the package's files; returns its folder."""
    project = directory / "seedbed-mirror"
    for path, content in {**files(), "mirror/__init__.py": ""}.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(content, encoding="utf-8")
    return project


def install(project: Path, target: Path) -> Path:
    """Install it with pip, without a package index, into a directory that must then be on the path."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"),
            *("--no-deps", "--no-build-isolation", "--target", target, project),
        ],
        check=True,
        capture_output=True,
    )
    return target
