"""A task of an installed package, that of `docs/your-own-task.md`: the engine uses it like a task of Seedbed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel, ViTModel

from tests import own_task
from tests.core.conftest import Engine, Server, serving
from tests.core.tasks.image_tasks import coloured_pictures
from tests.core.training.interruptions import hashes, points

SPEC: dict[str, Any] = {
    "name": "mirrored",
    "task": {"kind": "mirror", "axis": "vertical"},
    "model": {"preset": "vit-micro", "layers": 1, "hidden_size": 16, "heads": 2},
    "data": {"image": {"size": 16}, "held_out_fraction": 0.25},
    "training": {
        "steps": 12,
        "batch_size": 8,
        "accumulation_steps": 2,
        "precision": "fp32",
        "seed": 7,
        "schedule": {"kind": "cosine", "warmup_steps": 2},
        "log_every": 1,
        "evaluate_every": 4,
        "checkpoint_every": 3,
        "probe_samples": 16,
        "retention": {"keep_last": 9, "keep_best": "eval/mirror_accuracy"},
    },
    "resources": {"device": "cpu"},
}
Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_task.write(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package installed."""
    return own_task.install(project, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def environment(site: Path) -> dict[str, str]:
    """Environment of a process in which the package is installed."""
    return os.environ | {"PYTHONPATH": f"{own_task.ROOT}{os.pathsep}{site}", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Python:
    """Runs Python with the package installed."""

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return coloured_pictures(tmp_path / "images.zip")


def test_the_page_shows_all_three_files() -> None:
    assert set(own_task.files()) == {
        "pyproject.toml",
        "mirror/spec.py",
        "mirror/objective.py",
        "tests/test_mirror.py",
        "docs/mirror.md",
    }


def test_its_own_test_passes(python: Python, project: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={project}")
    done = python("-m", "pytest", *options, project / "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_it_is_listed_after_the_built_in_tasks_with_its_package(python: Python) -> None:
    done = python(
        "-c",
        "from core.spec.tasks import task_faults, task_packages, tasks_by_kind\n"
        "print(list(tasks_by_kind())[-1], dict(task_packages()), task_faults())",
    )
    assert done.stdout.strip() == "mirror {'mirror': 'seedbed-mirror'} ()", done.stderr


def test_validation_knows_its_fields_networks_metrics_and_recipes(python: Python) -> None:
    checked = """
import json
from core.spec.job import JobSpec
from core.spec.problems import SpecError, validate
from core.spec.tasks import tasks_by_kind
from core.spec.metrics import higher_is_better
frame = {"name": "one", "training": {"steps": 10}}
def problems(**changes):
    try:
        validate(frame | changes)
    except SpecError as error:
        return [[problem.param, problem.suggestion] for problem in error.problems]
task = {"kind": "mirror"}
print(json.dumps({
    "default": validate(frame | {"task": task}).task.axis,
    "network": validate(frame | {"task": task}).architecture,
    "typo": problems(task={"kind": "miror"}),
    "field": problems(task=task | {"axes": 1}),
    "value": problems(task=task | {"axis": "verticle"}),
    "other": problems(task=task, model={"preset": "bert-tiny"}),
    "recipes": [validate({"name": r.name, **r.spec("mirror")}).task.kind for r in tasks_by_kind()["mirror"].recipes],
    "better": higher_is_better("eval/mirror_accuracy"),
    "judges": validate(frame | {"task": task}).judging_metrics["eval/mirror_accuracy"],
    "schema": "mirror" in JobSpec.model_json_schema()["properties"]["task"]["discriminator"]["mapping"],
}))
"""
    done = python("-c", checked)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "default": "horizontal",
        "network": "resnet",
        "typo": [["task.kind", "mirror"]],
        "field": [["task.axes", "axis"]],
        "value": [["task.axis", "vertical"]],
        "other": [["model", None]],
        "recipes": ["mirror", "mirror"],
        "better": True,
        "judges": "higher",
        "schema": True,
    }


def test_it_is_in_the_openapi_document(python: Python) -> None:
    done = python("-m", "api.openapi")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["components"]["schemas"]["Mirror"]["properties"]["axis"]["enum"] == [
        "horizontal",
        "vertical",
    ]


@dataclass
class Installed:
    """A preloaded server in whose environment a version of the package is installed."""

    server: Server
    directory: Path
    """For specs and logs."""
    environment: Mapping[str, str]

    @contextlib.contextmanager
    def engine(self, *arguments: str | Path) -> Iterator[Engine]:
        """``python -m core ARGUMENTS`` in a process that the server forks, which has loaded its modules already."""
        log = self.directory / f"log-{len(list(self.directory.glob('log-*')))}.txt"
        engine = self.server.request([str(one) for one in arguments], log, env=dict(self.environment))
        yield engine
        engine.close()

    def run(
        self, document: dict[str, Any], data: Path, out: Path
    ) -> "contextlib.AbstractContextManager[Engine]":
        spec = self.directory / f"{out.name}.json"
        spec.write_text(json.dumps(document))
        return self.engine("run", spec, "--data", data, "--out", out, "--events-fd", "3", "--threads", "1")


@contextlib.contextmanager
def installed(site: Path, directory: Path) -> Iterator[Installed]:
    environment = os.environ | {"PYTHONPATH": f"{own_task.ROOT}{os.pathsep}{site}"}
    with serving(directory, environment=environment) as server:
        yield Installed(server, directory, environment)


def test_it_trains_resumes_to_the_same_bits_after_a_kill_and_is_exported(
    site: Path, pictures: Path, tmp_path: Path
) -> None:
    straight, broken, exported = tmp_path / "straight", tmp_path / "broken", tmp_path / "onnx"
    with installed(site, tmp_path) as ours:
        with ours.run(SPEC, pictures, straight) as engine:
            assert engine.end() == {"exit": 0}, engine.log.read_text()
        with ours.run(SPEC, pictures, broken) as engine:
            engine.until("checkpoint")
            engine.until("metrics")
            engine.signal(signal.SIGKILL)
            assert engine.end() == {"signal": signal.SIGKILL}, engine.log.read_text()
        assert not (broken / "step-00000012").exists()
        with ours.run(SPEC, pictures, broken) as engine:
            assert engine.end() == {"exit": 0}, engine.log.read_text()
        checkpoint = straight / "step-00000012"
        with ours.engine("export", checkpoint, "--format", "onnx", "--out", exported) as engine:
            assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)
    assert {name for _, name in points(straight)} >= {
        "train/mirror_accuracy",
        "eval/mirror_accuracy",
        "health/rankme",
        "probe/linear_accuracy",
    }
    assert (exported / "model.onnx").is_file()
    assert type(AutoModel.from_pretrained(checkpoint)) is ViTModel


def test_where_the_package_is_not_installed_its_jobs_are_refused(
    pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    engine = pretrain(SPEC, tmp_path / "out", data=pictures)
    assert engine.end() == {"exit": 64}
    assert "'mirror' is not one of" in engine.log.read_text()


BREAKAGES = {
    "spec.py": ("import no_such_module\n", "No module named 'no_such_module'"),
    "objective.py": ("raise RuntimeError('broken')\n", "RuntimeError: broken"),
}


@pytest.mark.parametrize("module", BREAKAGES)
def test_a_broken_version_fails_only_its_own_jobs(
    module: str, site: Path, pictures: Path, tmp_path: Path
) -> None:
    content, reason = BREAKAGES[module]
    broken = shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__"))
    (broken / "mirror" / module).write_text(content)
    training = {"steps": 1, "batch_size": 8}
    rotation = SPEC | {"task": {"kind": "rotation"}, "training": training}
    with installed(broken, tmp_path) as ours:
        with ours.run(SPEC, pictures, tmp_path / "theirs") as engine:
            assert engine.end() == {"exit": 64}
        told = engine.log.read_text()
        assert reason in told
        assert "seedbed-mirror" in told
        with ours.run(rotation, pictures, tmp_path / "rotation") as engine:
            assert engine.end() == {"exit": 0}, engine.log.read_text()
