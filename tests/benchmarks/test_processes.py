"""A benchmark leaves no process, however it ends."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.worker.conftest import ROOT, await_gone, eventually
from tools.list_benchmarks import benchmarks

STUBBORN = """
import subprocess, sys, time

CHILD = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); os.close(1); time.sleep(600)"
)
BETWEEN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}], start_new_session=True)"

def main():
    # An orphaned process in its own session that ignores SIGTERM.
    between = subprocess.Popen([sys.executable, "-c", BETWEEN], stdout=subprocess.PIPE, text=True)
    assert between.stdout.read().strip() == "up"
    assert between.wait() == 0
    print("orphaned", flush=True)
    time.sleep(float(sys.argv[1]))
    return 3

run(main)
"""


@pytest.mark.parametrize("name", [name for name, _ in benchmarks()])
def test_every_benchmark_runs_under_the_function_that_ends_its_processes(name: str) -> None:
    stem = ROOT / "benchmarks" / name.replace("-", "_")
    path = stem / "__main__.py" if stem.is_dir() else stem.with_suffix(".py")
    last = ast.parse(path.read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last) == "if __name__ == '__main__':\n    run(main)"


@pytest.mark.parametrize(
    ("module", "number"), [("benchmarks.service", signal.SIGTERM), ("benchmarks.resume", signal.SIGINT)]
)
def test_a_service_ends_with_its_terminated_benchmark(
    module: str, number: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    benchmark = psutil.Process(process.pid)
    seen: dict[int, psutil.Process] = {}

    def whole() -> bool:
        assert process.poll() is None, log.read_text()
        seen.update({child.pid: child for child in benchmark.children(recursive=True)})
        commands = [_command(child) for child in seen.values()]
        return all(
            any(part in command for command in commands) for part in (" api ", " worker ", " core serve ")
        )

    try:
        eventually(whole, "the whole service", seconds=180)
        process.send_signal(number)
        assert process.wait(120) == 128 + number
        await_gone(list(seen.values()))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("seconds", ["600", "0"], ids=["told to end", "by itself"])
def test_a_process_that_ignores_sigterm_is_killed(seconds: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        STUBBORN.replace(
            "run(main)", "import benchmarks._processes as p\np._GRACE_SECONDS = 1.0\np.run(main)"
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(script), seconds],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == "orphaned\n"
        left = psutil.Process(process.pid).children(recursive=True)
        if seconds != "0":
            assert len(left) == 1
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == (3 if seconds == "0" else 128 + signal.SIGTERM)
    await_gone(left)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), ""])
    except psutil.NoSuchProcess:
        return ""
