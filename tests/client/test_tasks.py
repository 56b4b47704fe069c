"""Tasks by SDK and command line: both know them by asking the service."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import seedbed
import yaml
from seedbed.cli import main

from core.spec.problems import validate
from core.spec.tasks import tasks_by_kind
from tests.client.conftest import Service

KINDS = list(tasks_by_kind())
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("SEEDBED_URL", service.url)
    monkeypatch.setenv("SEEDBED_KEY", service.key)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run


def test_the_sdk_lists_and_gets_them(client: seedbed.Client) -> None:
    assert [task.kind for task in client.tasks.list()] == KINDS
    task = client.tasks.get("causal_lm")
    assert isinstance(task, seedbed.Task)
    assert task.modality == "text"
    assert {metric.name: metric.better for metric in task.metrics}["perplexity"] == "lower"
    with pytest.raises(seedbed.NotFound):
        client.tasks.get("no/such task")


@pytest.mark.parametrize("group", ["task", "tasks"])
def test_a_list_says_when_to_choose_which(run: Run, group: str) -> None:
    code, out, _ = run(group, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == KINDS
    assert "Rotation prediction" in out
    assert "if you want a network that generates text" in out
    assert [task["kind"] for task in json.loads(run(group, "list", "--json")[1])] == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_one_is_shown_with_what_it_measures(run: Run, kind: str) -> None:
    code, out, _ = run("task", "show", kind)
    assert code == 0
    assert tasks_by_kind()[kind].title in out
    assert "train/loss" in out
    assert f"docs/tasks/{kind}.md" in out
    assert json.loads(run("task", "show", kind, "--json")[1])["kind"] == kind


def test_an_unknown_name_is_refused_with_the_known_names(run: Run) -> None:
    code, _, err = run("task", "show", "masked_ml")
    assert code == 1
    assert "masked_lm" in err
    code, _, err = run("task", "spec", "masked_lm", "huge")
    assert code == 2
    assert "smoke, mini, base" in err


@pytest.mark.parametrize("recipe", [None, "smoke", "base"])
def test_a_recipe_is_printed_as_a_job_file(run: Run, recipe: str | None) -> None:
    code, out, _ = run("task", "spec", "wav2vec2", *([recipe] if recipe else []))
    assert code == 0
    document: dict[str, Any] = yaml.safe_load(out)
    assert document["name"] == f"wav2vec2 {recipe or 'mini'}"
    assert validate(document).task.kind == "wav2vec2"
    assert json.loads(run("task", "spec", "wav2vec2", *([recipe] if recipe else []), "--json")[1]) == document


def test_the_command_line_and_the_sdk_name_no_task() -> None:
    """What they know of tasks they ask the service."""
    root = Path(seedbed.__file__).parent
    named = re.compile(rf"\b({'|'.join(KINDS)})\b")
    ordinary = {"rotation"}  # an English word as well
    found = {
        f"{path.relative_to(root)}: {name}"
        for path in root.rglob("*.py")
        for name in named.findall(path.read_text())
        if name not in ordinary
    }
    assert not found
