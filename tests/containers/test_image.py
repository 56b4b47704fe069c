"""The image without an engine: its install commands make a fresh environment, its entry commands run in it.

What is run is read from the Dockerfile; absolute paths of the image become paths below a temporary folder.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from standalone.postgres import Postgres
from standalone.valkey import Valkey
from tests.containers.conftest import ROOT, Stage

FROM_THE_MACHINE = re.compile(r"PIP_\w+|SSL_\w+|HOME|LANG|TMPDIR")
"""Variables by which this machine reaches package indexes; a Docker build has its own."""

LARGE = 5_000_000


class Image:
    """A root folder and an environment, changed by instructions as a container's would be."""

    def __init__(self, root: Path, dockerfile: dict[str, Stage]) -> None:
        self.root = root
        self.dockerfile = dockerfile
        self.folder = root
        base = Path(sys.executable).resolve().parent
        self.env = {name: value for name, value in os.environ.items() if FROM_THE_MACHINE.fullmatch(name)}
        # Compiling every module in advance would double the time of the test.
        self.env |= {"PATH": f"{base}:/usr/bin:/bin", "PIP_NO_COMPILE": "1"}

    def at(self, path: str) -> str:
        """A text of the Dockerfile with the image's absolute paths below the root."""
        return re.sub(r"(?<![\w./$}])/(?=opt/|var/lib/)", f"{self.root}/", path)

    def build(self, stage: Stage) -> None:
        """Carry out the stage's instructions."""
        for step in stage.instructions:
            if step.name in {"ARG", "ENV"}:
                for name, value in step.pairs().items():
                    self.env[name] = self.at(value).replace("$PATH", self.env["PATH"])
            elif step.name == "WORKDIR":
                self.folder = Path(self.at(step.arguments))
                self.folder.mkdir(parents=True, exist_ok=True)
            elif step.name == "COPY":
                self._copy(step.words(), step.flag("from"))
            elif step.name == "RUN" and "useradd" not in step.arguments:
                done = subprocess.run(
                    ["sh", "-c", self.at(step.arguments)],
                    cwd=self.folder,
                    env=self.env,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, f"RUN {step.arguments}\n{done.stdout}\n{done.stderr}"
                if step.arguments.startswith("python3 -m venv "):
                    link_large_packages(self.folder / step.words()[-1])

    def command(self, words: list[str]) -> list[str]:
        """The command with its program found on the image's PATH."""
        program = shutil.which(words[0], path=self.env["PATH"])
        assert program, f"{words[0]} is not on the image's PATH"
        return [program, *words[1:]]

    def _copy(self, words: list[str], stage: str | None) -> None:
        *sources, target = words
        if stage == "server":
            return  # the same root
        for source in sources:
            # `./run` has built the dashboard by the stage's own two commands.
            origin = ROOT / "dashboard" / "dist" if stage == "dashboard" else ROOT / source
            assert origin.exists(), f"{origin} is missing; `./run test` builds it first"
            into = self.folder / self.at(target)
            if origin.is_dir():
                shutil.copytree(origin, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, into / origin.name if target.endswith("/") else into)


def link_large_packages(environment: Path) -> None:
    """Link the packages of more than `LARGE` bytes that this environment has in the locked version into a new one.

    The install commands find them there, as in a cached layer, and install all others: to unpack these few would take most of
    the time of the tests.
    """
    [target] = environment.glob("lib/python*/site-packages")
    ours = Path(sysconfig.get_path("purelib"))
    locked = set(re.findall(r"^([\w.-]+==[\w.+-]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    linked = 0
    for found in distributions(path=[str(ours)]):
        files = [file for file in found.files or () if ".." not in file.parts and (ours / file).is_file()]
        known = f"{found.name}=={found.version}" in locked or found.name == "torch"
        if not known or sum((ours / file).stat().st_size for file in files) < LARGE:
            continue
        linked += 1
        for file in files:
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                place.hardlink_to(ours / file)
            except OSError:  # another file system
                shutil.copy(ours / file, place)
    assert linked, "none of the large packages has the locked version here"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, dockerfile: dict[str, Stage]) -> Iterator[Image]:
    """The last stage, built on the one that installs packages."""
    root = tmp_path_factory.mktemp("image")
    image = Image(root, dockerfile)
    image.build(dockerfile["server"])
    image.build(dockerfile[""])
    yield image
    shutil.rmtree(root)


def test_the_environment_has_every_locked_package(image: Image):
    done = subprocess.run(
        image.command(["python3", "-m", "pip", "check"]),
        env=image.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_it_imports_itself_from_the_image_alone(image: Image):
    code = "import api, control, core, migrations, standalone, worker, sys; print(api.__file__, sys.prefix)"
    done = subprocess.run(
        image.command(["python3", "-c", code]),
        cwd=image.folder,
        env=image.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(path.startswith(str(image.root)) for path in done.stdout.split())


@pytest.fixture(scope="module")
def service(image: Image, server_directory: Path, dockerfile: dict[str, Stage]) -> Iterator[dict[str, str]]:
    """The environment of the containers: a database, migrated by the image; Valkey; a directory."""
    with (
        Postgres(server_directory / "image-postgres", durable=False) as postgres,
        Valkey(server_directory / "image-valkey", durable=False) as valkey,
    ):
        env = image.env | {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "STORAGE_URL": f"file://{image.root}/storage",
            "SEEDBED_SECRET": "x" * 32,
        }
        migrate = image.command([*dockerfile[""].last("ENTRYPOINT").words(), "migrate"])
        done = subprocess.run(migrate, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield env


def test_the_api_starts_and_its_health_check_depends_on_the_process(
    image: Image, dockerfile: dict[str, Stage], service: dict[str, str]
):
    final = dockerfile[""]
    opened = final.last("EXPOSE").arguments
    port = str(free_port())
    words = [*final.last("ENTRYPOINT").words(), *final.last("CMD").words()]
    health = json.loads(final.last("HEALTHCHECK").arguments.removeprefix("CMD "))
    health = [word.replace(f":{opened}/", f":{port}/") for word in health]
    with running(image, [port if word == opened else word for word in words], health, service):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert b"<div id=" in answer.read()
    assert not healthy(image, health, service)


def test_the_health_check_of_a_worker_succeeds_only_while_it_runs(
    image: Image, dockerfile: dict[str, Stage], compose: dict[str, Any], service: dict[str, str]
):
    worker = compose["services"]["worker"]
    words = [*dockerfile[""].last("ENTRYPOINT").words(), *worker["command"]]
    kind, *health = worker["healthcheck"]["test"]
    assert kind == "CMD"
    assert not healthy(image, health, service)
    with running(image, words, health, service):
        pass
    assert not healthy(image, health, service)


@contextmanager
def running(image: Image, words: list[str], health: list[str], env: dict[str, str]) -> Iterator[None]:
    """Run a command until it is healthy; at the end of the block it must stop gracefully."""
    process = subprocess.Popen(
        image.command(words), cwd=image.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        while not healthy(image, health, env):
            assert process.poll() is None, process.communicate()[0].decode()
        yield
    finally:
        process.terminate()
        output = process.communicate()[0].decode()
    assert process.returncode == 0, output


def healthy(image: Image, health: list[str], env: dict[str, str]) -> bool:
    """The result of the health check."""
    return subprocess.run(image.command(health), env=env, capture_output=True, check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
