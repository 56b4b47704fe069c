"""Run every static check: style, types, import rules, words, and the dashboard's own checks.

    ./run check

All checks run, even after one fails. Only a failed check prints its output.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tools.node import use_node
from tools.steps import DASHBOARD, ROOT

PYTHON = sys.executable


class Check(NamedTuple):
    """A command that must exit with status 0."""

    name: str
    command: tuple[str, ...]
    folder: Path = ROOT


CHECKS = [
    Check("ruff", (PYTHON, "-m", "ruff", "check", ".")),
    Check("ruff format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    Check("mypy, the service", (PYTHON, "-m", "mypy")),
    Check("mypy, the client", (PYTHON, "-m", "mypy", "-p", "seedbed"), ROOT / "client"),
    Check("import rules", (str(Path(PYTHON).with_name("lint-imports")), "--no-logo")),
    Check("words", (PYTHON, "-m", "tools.check_words")),
    Check("names in docs", (PYTHON, "-m", "tools.check_names")),
]


def main() -> int:
    """1 if any check failed."""
    use_node()
    width = max(len(check.name) for check in [*CHECKS, *dashboard()])
    failed = []
    for check in [*CHECKS, *dashboard()]:
        begun = time.monotonic()
        done = subprocess.run(
            check.command,
            cwd=check.folder,
            env={**os.environ, "PYTHON": PYTHON},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        mark = "failed" if done.returncode else "ok"
        print(f"{check.name:{width}}  {mark:6}  {time.monotonic() - begun:5.1f} s", flush=True)
        if done.returncode:
            failed.append(check.name)
            print(done.stdout.rstrip(), flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


def dashboard() -> list[Check]:
    """The check scripts of the dashboard's ``package.json``.

    ``check`` runs the type checker and the linters; ``check:types`` compares the API's types with the OpenAPI document.
    """
    scripts = json.loads((DASHBOARD / "package.json").read_text()).get("scripts", {})
    return [
        Check(f"dashboard, {name}", ("npm", "run", "--silent", name), DASHBOARD)
        for name in ("check", "check:types")
        if name in scripts
    ]


if __name__ == "__main__":
    sys.exit(main())
