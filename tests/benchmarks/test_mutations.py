"""``./run bench mutations``: its report on mutations that are noticed, are missed, hang, or cannot be made."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.mutations import trials
from benchmarks.mutations.copies import Copy, tree
from benchmarks.mutations.lists import Mutation
from tests.worker.conftest import ROOT, await_gone, eventually

WORKER = (ROOT / "worker/__init__.py").read_text()
DEATH = "_PR_SET_PDEATHSIG = 1\n"

IN_A_CHILD = """
import os, subprocess, sys

def test_imports_in_a_child_without_environment_in_another_directory():
    code = "import core, worker, seedbed, sys; sys.exit(not core.__file__.startswith(sys.argv[1]))"
    subprocess.run([sys.executable, "-I", "-c", code, os.getcwd()], env={}, cwd="/", check=True)
"""
HANGING = """
import json, os, subprocess, sys, tempfile, time, worker.parent_death

def test_hangs():
    if worker.parent_death._PR_SET_PDEATHSIG != 1:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        with open({place!r} + ".part", "w") as file:
            json.dump([os.getpid(), child.pid, tempfile.mkdtemp()], file)
        os.rename({place!r} + ".part", {place!r})
        time.sleep(600)
"""


def _write(folder: Path, content: str) -> str:
    path = folder / "test_tried.py"
    path.write_text(content)
    return str(path)


def _mutation(file: str, old: str, new: str, tests: str) -> Mutation:
    return Mutation(file=file, old=old, new=new, why="tried", tests=(tests,))


def _lists(folder: Path, *mutations: Mutation) -> Path:
    lists = folder / "lists"
    lists.mkdir()
    (lists / "all.toml").write_text(
        "".join(
            "[[mutation]]\n"
            + "".join(f"{name} = {json.dumps(value)}\n" for name, value in m.model_dump().items())
            for m in mutations
        )
    )
    return lists


def _command(lists: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.mutations", "--lists", str(lists), "--parallel", "1", *more]


def _run(lists: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(_command(lists, *more), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _figures(said: str) -> dict[str, float]:
    figures: dict[str, float] = json.loads(said.splitlines()[-1])
    assert figures.pop("seconds") >= 0
    return figures


def test_a_mutation_noticed_only_in_a_child_process_counts_and_a_missed_one_is_listed(tmp_path: Path) -> None:
    tests = _write(tmp_path, IN_A_CHILD)
    lists = _lists(
        tmp_path,
        _mutation("worker/parent_death.py", DEATH, "_PR_SET_PDEATHSIG = 2\n", tests),
        _mutation("worker/__init__.py", WORKER, "raise SystemExit(3)\n", tests),
    )
    journal = str(tmp_path / "journal")
    code, said = _run(lists, "--resume", journal)
    assert code == 0, said
    figures = _figures(said)
    assert figures == {"made": 2, "noticed": 1, "survived": 1, "stale": 0, "survived_share": 0.5}
    assert "Not noticed by the tests:\n  worker/parent_death.py" in said
    code, said = _run(lists, "--resume", journal)
    assert "2 known from an earlier run" in said
    assert _figures(said) == figures


def test_a_stale_mutation_sets_the_exit_code(tmp_path: Path) -> None:
    lists = _lists(tmp_path, _mutation("worker/__init__.py", "stands nowhere", "", "tests/test_x.py"))
    code, said = _run(lists)
    assert code == 1
    assert _figures(said) == {"made": 0, "noticed": 0, "survived": 0, "stale": 1, "survived_share": 0.0}


@pytest.mark.parametrize("content", ["def test_fails():\n    assert 0\n", ""], ids=["failing", "empty"])
def test_tests_that_fail_without_a_mutation_are_an_error(tmp_path: Path, content: str) -> None:
    tests = _write(tmp_path, content)
    code, said = _run(_lists(tmp_path, _mutation("worker/__init__.py", WORKER, "", tests)))
    assert code == 1
    assert "fail without any mutation" in said


def test_a_hanging_test_counts_as_noticed_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "pids"
    mutation = _mutation(
        "worker/parent_death.py", DEATH, "_PR_SET_PDEATHSIG = 2\n", _write(tmp_path, _hanging(place))
    )
    # The limit grows with the measured time, so that the mutated test begins before it on a busy machine, too.
    monkeypatch.setattr(trials, "_BASE_LIMIT_SECONDS", 8.0)
    monkeypatch.setattr(trials, "_LIMIT_FACTOR", 3.0)
    bench = trials.Bench([Copy(ROOT, tree(ROOT), tmp_path / "copy", threads=1)])
    try:
        unchanged = bench.passes(mutation.tests)
        assert unchanged.passed
        verdict, _, _ = bench.tried(mutation, unchanged.seconds)
        assert verdict == "timeout"
        assert bench.passes(mutation.tests).passed
    finally:
        bench.close()
    main, child, _ = json.loads(place.read_text())
    assert not psutil.pid_exists(main)
    assert not psutil.pid_exists(child)


def test_a_terminated_run_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    place = tmp_path / "pids"
    mutation = _mutation(
        "worker/parent_death.py", DEATH, "_PR_SET_PDEATHSIG = 2\n", _write(tmp_path, _hanging(place))
    )
    process = subprocess.Popen(_command(_lists(tmp_path, mutation)), cwd=ROOT, stdout=subprocess.DEVNULL)
    eventually(place.exists, "the mutated test", seconds=120)
    *pids, temporary = json.loads(place.read_text())
    everything = [*psutil.Process(process.pid).children(recursive=True), *map(psutil.Process, pids)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    await_gone(everything)
    scratch = Path(temporary).parents[1]
    assert scratch.name.startswith("mut-")
    assert not scratch.exists()


def _hanging(place: Path) -> str:
    return HANGING.replace("{place!r}", repr(str(place)))
