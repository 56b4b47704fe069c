"""The Dockerfile compared with the code: its files exist and its variables are settings."""

import fnmatch
import re
import tomllib
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from control.settings import Settings
from tests.containers.conftest import ROOT, Stage, example


def test_everything_copied_is_in_the_repository_and_not_ignored(dockerfile: dict[str, Stage]):
    copied = [word for stage in dockerfile.values() for word in sources(stage)]
    assert "requirements.lock" in copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not ignored(source), f"{source} is kept out by .dockerignore"


def test_the_build_context_contains_only_copied_files(dockerfile: dict[str, Stage]):
    copied = {PurePosixPath(word).parts[0] for stage in dockerfile.values() for word in sources(stage)}
    let_in = {line[1:] for line in ignore_lines() if line.startswith("!")}
    assert let_in == copied


def test_every_package_of_the_server_is_copied(dockerfile: dict[str, Stage]):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = {word.rstrip("/") for word in sources(dockerfile["server"])}
    assert wanted <= copied


def test_stages_copy_from_stages_that_exist_and_from_folders_they_make(dockerfile: dict[str, Stage]):
    for stage in dockerfile.values():
        for copy in stage.all("COPY"):
            if other := copy.flag("from"):
                source = PurePosixPath(copy.words()[0])
                made = PurePosixPath(dockerfile[other].last("WORKDIR").arguments)
                assert source.is_relative_to(made)


def test_pytorch_is_the_pinned_one(dockerfile: dict[str, Stage]):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = (wish for wish in project["dependencies"] if re.match(r"torch\b(?!\w)", wish))
    arguments = {
        name: value for arg in dockerfile["server"].all("ARG") for name, value in arg.pairs().items()
    }
    assert arguments == {"TORCH_REQUIREMENT": pin, "TORCH_INDEX": ""}
    assert f"#TORCH_REQUIREMENT={pin}\n" in (ROOT / ".env.example").read_text()
    assert {"TORCH_REQUIREMENT", "TORCH_INDEX"} <= set(example())


def test_every_variable_set_is_a_setting(dockerfile: dict[str, Stage]):
    final = dockerfile[""]
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    for env in final.all("ENV"):
        assert set(env.pairs()) - {"PATH"} <= aliases
    directory = final.last("ENV").pairs()["SEEDBED_DASHBOARD_DIRECTORY"]
    assert directory in [copy.words()[1] for copy in final.all("COPY")]


def test_it_runs_as_an_unprivileged_user_with_a_writable_data_directory(dockerfile: dict[str, Stage]):
    final = dockerfile[""]
    user = final.last("USER").arguments
    assert user not in {"root", "0"}
    (added,) = (run.words() for run in final.all("RUN") if "useradd" in run.arguments)
    assert added[-1] == user
    home = PurePosixPath(added[added.index("--home-dir") + 1])
    assert PurePosixPath(final.last("ENV").pairs()["SEEDBED_CACHE_DIRECTORY"]).is_relative_to(home)


def test_the_health_check_asks_at_the_port_that_is_open(dockerfile: dict[str, Stage]):
    (address,) = re.findall(r"http://[^']+", dockerfile[""].last("HEALTHCHECK").arguments)
    assert str(urlsplit(address).port) == dockerfile[""].last("EXPOSE").arguments


def sources(stage: Stage) -> list[str]:
    """The paths that the stage copies from the repository."""
    return [word for copy in stage.all("COPY") if not copy.flag("from") for word in copy.words()[:-1]]


def ignore_lines() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def ignored(source: str) -> bool:
    """Whether a path is ignored, by Docker's rules: the last line that matches it or a parent folder decides."""
    path = PurePosixPath(source)
    names = [str(path), *(str(parent) for parent in path.parents if parent.name)]
    verdict = False
    for line in ignore_lines():
        pattern = line.removeprefix("!")
        if any(fnmatch.fnmatch(name, pattern) for name in names):
            verdict = not line.startswith("!")
    return verdict
