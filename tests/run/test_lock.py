"""The lock files: complete, with hashes, for every platform, and without content from the machine that wrote them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import pin, read_lock

ROOT = Path(__file__).parents[2]
FILES = ["requirements.lock", "requirements-dev.lock", "requirements-node.lock"]


@pytest.mark.parametrize("name", FILES)
def test_every_entry_is_a_version_and_hashes(name: str):
    for package, entry in read_lock(ROOT / name).items():
        assert re.fullmatch(rf"{package}==\S+( \\\n    --hash=sha256:[0-9a-f]{{64}})+", entry), entry


@pytest.mark.parametrize("name", FILES)
def test_a_lock_file_contains_only_entries(name: str):
    text = (ROOT / name).read_text()
    assert text == "".join(f"{entry}\n" for entry in read_lock(ROOT / name).values())


def test_compiled_packages_are_locked_for_many_platforms():
    locked = read_lock(ROOT / "requirements.lock")
    for package in ("numpy", "pydantic-core", "pyarrow", "psycopg-binary"):
        assert locked[package].count("--hash") > 10, package


def test_the_versions_of_the_service_are_those_of_the_tests():
    serve, tools = (read_lock(ROOT / name) for name in FILES[:2])
    assert serve.items() <= tools.items()


@pytest.mark.parametrize("project", ["pyproject.toml", "client/pyproject.toml"])
def test_every_dependency_is_locked_at_a_version_that_its_project_allows(project: str):
    wanted = tomllib.loads((ROOT / project).read_text())["project"]
    extras = wanted.get("optional-dependencies", {})
    for name, wishes in (
        ("requirements.lock", wanted["dependencies"]),
        *(("requirements-dev.lock", wishes) for wishes in extras.values()),
    ):
        locked = dict(pin(entry).split("==") for entry in read_lock(ROOT / name).values())
        for wish in map(Requirement, wishes):
            if wish.name == "torch":
                assert "torch" not in locked
            else:
                package = canonicalize_name(wish.name)
                assert package in locked, f"{package} is new: ./run lock"
                assert wish.specifier.contains(locked[package]), f"{package}: ./run lock"
