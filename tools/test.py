"""Run the tests: the dashboard's own first, then pytest in parallel processes, each on a group of folders.

    ./run test [PYTEST ARGS]

The output of a group is printed when it has ended; the last lines tell the time and the result of each. With arguments, only
pytest runs, in one process, on what they name. The browser tests use the Chromium named by ``CHROMIUM``; this command finds or
downloads one and sets the variable.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tools import browser
from tools.node import use_node
from tools.steps import DASHBOARD, ROOT, StepFailed, say

TESTS = ROOT / "tests"
GROUPS: tuple[tuple[str, ...], ...] = (
    ("worker",),
    ("core/tasks", "core/teachers", "core/continual"),
    ("core/training", "core/checkpoints", "core/commands", "core/estimation", "core/preview"),
    ("api", "client", "containers", "control", "migrations"),
    ("dashboard", "predictions"),
    ("standalone", "run", "benchmarks", "architecture"),
    ("core/export", "core/deploying", "core/assessment", "core/prediction"),
)
"""Folders of tests by group, the group that takes longest first. All other folders are the last group."""
LEAST_AT_ONCE = 3
"""Least number of groups at once. Tests often wait, for leases, processes or a browser: three keep two processors busy."""


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


def groups(found: Iterable[str]) -> list[list[str]]:
    """These folders of tests, such as ``api`` and ``core/data``, in the groups that run in one process each."""
    there = sorted(found)
    named = {folder for group in GROUPS for folder in group}
    chosen = [[folder for folder in group if folder in there] for group in GROUPS]
    chosen.append([folder for folder in there if folder not in named])
    return [group for group in chosen if group]


def folders() -> list[str]:
    """Folders and modules of tests; those of ``core``, which are most of them, one by one."""
    found = [path for path in TESTS.iterdir() if path.name != "core"] + list((TESTS / "core").iterdir())
    return [
        path.relative_to(TESTS).as_posix()
        for path in found
        if (path.is_dir() and any(path.glob("**/test_*.py"))) or path.match("test_*.py")
    ]


def _run_all() -> int:
    # Threads of several processes that wait for one another would take one another's time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    at_once = max(LEAST_AT_ONCE, len(os.sched_getaffinity(0)) - 1)
    results = []
    with ThreadPoolExecutor(at_once) as pool:
        running = {pool.submit(_run_group, group): group for group in groups(folders())}
        try:
            for done in as_completed(running):
                code, seconds, output = done.result()
                say(f"tests of {', '.join(running[done])}:")
                print(output, flush=True)
                last = output.strip().rpartition("\n")[2].strip("= ")
                results.append((code, f"{seconds:5.0f} s  {', '.join(running[done])}: {last}"))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for code, line in results:
        say(line if code == 0 else f"{line}  FAILED")
    return next((code for code, _ in results if code), 0)


def _run_group(folders: Sequence[str]) -> tuple[int, float, str]:
    """Exit status, seconds and output of the tests in these folders."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{name}" for name in folders)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, time.monotonic() - began, done.stdout


def _dashboard_has_tests() -> bool:
    package = json.loads((DASHBOARD / "package.json").read_text())
    return "test" in package.get("scripts", {})


def _run(*command: str | Path, cwd: os.PathLike[str]) -> int:
    return subprocess.run(command, cwd=cwd, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
