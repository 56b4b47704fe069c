"""Installing: once, again after a change, and again from the beginning after an interruption."""

import os
import re
from pathlib import Path

from tests.run.conftest import PYTHON, Project


def test_the_first_command_installs_everything(installed: Project):
    assert installed.imports("server", "seedbed", "idna", "six")
    assert installed.read("dashboard/dist/index.html") == "first"


def test_a_second_command_installs_nothing(installed: Project):
    log = installed.read(".cache/install.log")
    assert installed.install() == (0, "")
    assert installed.read(".cache/install.log") == log


def test_a_changed_page_is_built_again_and_nothing_else_is_done(installed: Project):
    installed.write("dashboard/page.html", "second")
    status, output = installed.install()
    assert (status, output) == (0, "· building the dashboard\n")
    assert installed.read("dashboard/dist/index.html") == "second"


def test_a_changed_lock_file_installs_the_added_packages(installed: Project):
    assert not installed.imports("iniconfig")
    installed.lock("setuptools", "idna", "iniconfig")
    assert installed.install()[0] == 0
    assert installed.imports("iniconfig")


def test_a_file_with_another_hash_is_refused_and_the_next_command_repairs_it(installed: Project):
    installed.lock("setuptools", "idna", "pluggy")
    good = installed.read("requirements.lock")
    installed.write("requirements.lock", re.sub(r"(?<=sha256:)\w+", "0" * 64, good))
    status, output = installed.install()
    assert status == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in output
    assert output.rstrip().endswith(str(installed.root / ".cache" / "install.log"))
    assert not installed.imports("pluggy")
    installed.write("requirements.lock", good)
    assert installed.install()[0] == 0
    assert installed.imports("server", "seedbed", "idna", "pluggy", "six")


def test_the_tools_need_an_installation_of_their_own_and_serve_as_well(installed: Project):
    assert installed.install("dev")[0] == 0
    assert installed.install("serve") == (0, "")


def test_an_interrupted_installation_starts_again(project: Project):
    process = project.start(PYTHON, "-m", "tools.install", "serve")
    assert process.stdout is not None
    for line in process.stdout:
        if "packages of requirements.lock" in line:
            break
    project.kill(process)
    # What an interrupted pip leaves: a package with its metadata and without its files.
    ruin(project.root)
    status, output = project.install()
    assert status == 0, output
    assert "was interrupted; starting it again" in output
    assert project.imports("server", "seedbed", "idna", "six")


def test_two_concurrent_installations_run_one_after_the_other(project: Project):
    first = project.start(PYTHON, "-m", "tools.install", "serve")
    assert first.stdout is not None
    begun = first.stdout.readline()
    second = project.start(PYTHON, "-m", "tools.install", "serve")
    first_rest, _ = first.communicate()
    second_said, _ = second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert "making .venv" in begun + first_rest
    assert second_said == "· another command is installing; waiting for it\n"


def test_without_node_one_comes_from_a_wheel(project: Project, tmp_path: Path):
    status, output = project.install(PATH=path_without("node", tmp_path))
    assert status == 0, output
    assert "installing Node into .venv" in output
    assert int(project.read("dashboard/dist/node").removeprefix("v").split(".")[0]) >= 22


def ruin(root: Path) -> None:
    site = next((root / ".venv" / "lib").glob("python*")) / "site-packages"
    half = site / "idna-3.20.dist-info"
    half.mkdir(exist_ok=True)
    (half / "METADATA").write_text("Metadata-Version: 2.1\nName: idna\nVersion: 3.20\n")


def path_without(program: str, scratch: Path) -> str:
    """The present PATH without one program."""
    folder = scratch / "bin"
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for entry in Path(directory).glob("*"):
            link = folder / entry.name
            if entry.name not in {program, "npm", "npx"} and not link.is_symlink():
                link.symlink_to(entry)
    return str(folder)
