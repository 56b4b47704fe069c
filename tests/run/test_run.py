"""``./run`` itself: its error messages, and the arguments that it passes on."""

import os
import shutil
import stat
from pathlib import Path

from tests.run.conftest import PYTHON, Project

ROOT = Path(__file__).parents[2]


def test_help_lists_every_command_and_installs_nothing(project: Project):
    status, output = project.run("./run", "help")
    assert status == 0
    for command in ("demo", "up", "test", "check", "bench", "lock"):
        assert f"./run {command}" in output
    assert not (project.root / ".venv").exists()


def test_an_unknown_command_is_named(project: Project):
    status, output = project.run("./run", "dmeo")
    assert status == 2
    assert "no command 'dmeo'" in output


def test_without_python_it_says_which_is_needed(project: Project, tmp_path: Path):
    status, output = project.run("./run", "up", PATH=tools_only(tmp_path))
    assert status == 1
    assert "Python 3.11 or newer is needed" in output


def test_a_python_that_is_too_old_is_not_used(project: Project, tmp_path: Path):
    folder = tools_only(tmp_path)
    script(Path(folder, "python3"), "exit 1")
    status, output = project.run("./run", "up", PATH=folder)
    assert status == 1
    assert "Python 3.11 or newer is needed" in output


def test_a_python_without_venv_says_what_to_install(project: Project, tmp_path: Path):
    folder = tools_only(tmp_path)
    script(Path(folder, "python3"), f'case "$2" in *ensurepip*) exit 1 ;; esac\nexec {PYTHON} "$@"')
    status, output = project.run("./run", "up", PATH=folder)
    assert status == 1
    assert "apt install python3.1" in output
    assert "-venv" in output


def test_commands_reach_the_service_with_their_arguments_and_in_the_callers_folder(installed: Project):
    script(installed.root / ".venv" / "bin" / "seedbed-server", 'echo "$PWD: $*"')
    here = installed.root / "client"
    status, output = installed.run("sh", "-c", f"cd {here} && ../run demo --exit 'two words'")
    assert (status, output) == (0, f"{here}: demo --exit two words\n")


def test_a_benchmark_runs_by_its_name_with_dashes(installed: Project):
    folder = installed.root / "benchmarks"
    folder.mkdir()
    (folder / "two_words.py").write_text(
        '"""Count the arguments.\n\nMore."""\nimport sys\n\nif __name__ == "__main__":\n    print(sys.argv[1:])\n'
    )
    (folder / "measuring.py").write_text('"""What the others share."""\n')
    status, output = installed.run("./run", "bench", "two-words", "--rounds", "2")
    assert status == 0, output
    assert output.splitlines()[-1] == "['--rounds', '2']"
    assert installed.run("./run", "bench") == (0, "two-words        Count the arguments.\n")
    status, output = installed.run("./run", "bench", "thre")
    assert status == 2
    assert "no benchmark 'thre'" in output


def test_ci_runs_both_halves_and_fails_if_either_did(tmp_path: Path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    for check, tests in ((0, 0), (1, 0), (0, 1), (1, 1)):
        script(tmp_path / "run", f"echo ran $1\n[ $1 = check ] && exit {check}\nexit {tests}")
        with os.popen(f"{tmp_path}/.ci/run 2>&1") as process:
            output = process.read()
            status = process.close()
        assert "ran check" in output
        assert "ran test" in output
        assert (status is None) == (check == tests == 0)


def tools_only(scratch: Path) -> str:
    """A PATH without any Python."""
    folder = scratch / "tools"
    folder.mkdir()
    for name in ("bash", "dirname", "env", "cat", "sh"):
        folder.joinpath(name).symlink_to(str(shutil.which(name)))
    return str(folder)


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
