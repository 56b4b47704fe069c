"""Run the tests: the dashboard's own first, then pytest in two parallel processes, whose summaries end the output.

    ./run test [PYTEST ARGS]

With arguments, only pytest runs, in one process, on what they name. The browser tests use the Chromium named by
``CHROMIUM``; this command finds or downloads one and sets the variable.
"""

import json
import os
import subprocess
import sys
import tempfile

from tools import browser
from tools.node import use_node
from tools.steps import DASHBOARD, ROOT, StepFailed, say

FIRST_HALF = {"api", "client", "containers", "control", "dashboard", "migrations", "predictions", "worker"}
"""Folders of tests for the first process; they take about as long as all other folders together."""


def main(arguments: list[str]) -> int:
    """The exit status of pytest, or that of the dashboard's tests if pytest passed."""
    use_node()
    try:
        os.environ["CHROMIUM"] = str(browser.find())
    except StepFailed as error:
        # The browser tests skip themselves for this reason; all others can run.
        os.environ.pop("CHROMIUM", None)
        say(f"the browser tests will be skipped: {error}")
    dashboard = (
        0 if arguments or not _dashboard_has_tests() else _run("npm", "test", "--silent", cwd=DASHBOARD)
    )
    python = _run(sys.executable, "-m", "pytest", *arguments, cwd=ROOT) if arguments else _run_all()
    if dashboard:
        say("the dashboard's own tests failed; see above")
    return python or dashboard


def _run_all() -> int:
    """Run every folder of tests in two parallel processes; the second one's output is printed when both have ended."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/test_*.py"))}
    first = sorted(folders & FIRST_HALF)
    second = sorted(folders - FIRST_HALF)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        background = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{name}" for name in second)],
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        try:
            code = _run(sys.executable, "-m", "pytest", *(f"tests/{name}" for name in first), cwd=ROOT)
            say(f"output of the tests of {', '.join(second)}, which ran in parallel:")
            background_code = background.wait()
        finally:
            background.terminate()
            background.wait()
        printed.seek(0)
        print(printed.read(), flush=True)
    return code or background_code


def _dashboard_has_tests() -> bool:
    package = json.loads((DASHBOARD / "package.json").read_text())
    return "test" in package.get("scripts", {})


def _run(*command: str, cwd: os.PathLike[str]) -> int:
    return subprocess.run(command, cwd=cwd, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
