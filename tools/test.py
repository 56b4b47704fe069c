"""Run the tests: the dashboard's own first, then pytest in two processes at once, whose summaries close the output.

    ./run test [PYTEST ARGS]

With arguments, pytest alone runs what they name, in one process. The browser tests drive the Chromium that ``CHROMIUM``
holds, which is found or fetched here.
"""

import json
import os
import subprocess
import sys
import tempfile

from tools import browser
from tools.node import use_node
from tools.steps import DASHBOARD, ROOT, StepFailed, say

BESIDE_THE_ENGINE = {"api", "client", "containers", "control", "dashboard", "migrations"}
"""Folders whose tests take about as long as all the others together."""


def main(arguments: list[str]) -> int:
    """The worst exit status of the two."""
    use_node()
    try:
        os.environ["CHROMIUM"] = str(browser.find())
    except StepFailed as error:
        # Their own skip tells the same; the rest can run.
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
    """Every folder of tests, half of the work beside the other half; what the second printed comes when both are done."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/test_*.py"))}
    first = sorted(folders & BESIDE_THE_ENGINE)
    second = sorted(folders - BESIDE_THE_ENGINE)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        beside = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{name}" for name in second)],
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        try:
            code = _run(sys.executable, "-m", "pytest", *(f"tests/{name}" for name in first), cwd=ROOT)
            say(f"now the tests of {', '.join(second)}, which ran meanwhile")
            ended = beside.wait()
        finally:
            beside.terminate()
            beside.wait()
        printed.seek(0)
        print(printed.read(), flush=True)
    return code or ended


def _dashboard_has_tests() -> bool:
    package = json.loads((DASHBOARD / "package.json").read_text())
    return "test" in package.get("scripts", {})


def _run(*command: str, cwd: os.PathLike[str]) -> int:
    return subprocess.run(command, cwd=cwd, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
