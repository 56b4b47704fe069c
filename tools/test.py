"""Run the tests: the dashboard's own first, then pytest, whose summary closes the output.

    ./run test [PYTEST ARGS]

With arguments, pytest alone runs what they name. The browser tests drive the Chromium that ``CHROMIUM``
holds, which is found or fetched here.
"""

import json
import os
import subprocess
import sys

from tools import browser
from tools.node import use_node
from tools.steps import DASHBOARD, ROOT, StepFailed, say


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
    python = _run(sys.executable, "-m", "pytest", *arguments, cwd=ROOT)
    if dashboard:
        say("the dashboard's own tests failed; see above")
    return python or dashboard


def _dashboard_has_tests() -> bool:
    package = json.loads((DASHBOARD / "package.json").read_text())
    return "test" in package.get("scripts", {})


def _run(*command: str, cwd: os.PathLike[str]) -> int:
    return subprocess.run(command, cwd=cwd, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
