"""What models can learn, told over HTTP."""

import json
from typing import Any

import httpx
import pytest

from core.spec.problems import validate
from core.spec.tasks import tasks_by_kind
from tests.api.conftest import problem


@pytest.fixture
def tasks(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v1/tasks")
    assert answer.status_code == 200
    page = answer.json()
    assert (page["object"], page["has_more"], page["next"]) == ("list", False, None)
    return {task["kind"]: task for task in page["data"]}


def test_every_task_is_told_and_each_modalitys_first_choice_comes_first(tasks: dict[str, Any]) -> None:
    assert list(tasks) == list(tasks_by_kind())
    first = {task["modality"]: task["kind"] for task in reversed(tasks.values())}
    assert first == {"text": "masked_lm", "image": "contrastive", "audio": "masked_spectrogram"}


def test_a_task_tells_all_that_a_form_and_a_page_of_charts_need(tasks: dict[str, Any]) -> None:
    task = tasks["rotation"]
    assert task["title"] == "Rotation prediction"
    assert task["choose_if"].startswith("Choose this if")
    assert task["networks"][0] == {"preset": "resnet-mini", "architecture": "resnet"}
    assert task["documentation"] == "docs/tasks/rotation.md"
    assert task["package"] is None
    metrics = {metric["name"]: metric for metric in task["metrics"]}
    assert metrics["rotation_accuracy"] == {
        "name": "rotation_accuracy",
        "series": ["train/rotation_accuracy", "eval/rotation_accuracy"],
        "title": "Rotation accuracy",
        "group": "task",
        "better": "higher",
        "unit": "share",
        "hint": None,
        "logarithmic": False,
        "always": True,
        "noisy": True,
        "tile": "Accuracy",
        "level": None,
    }
    assert {"loss", "rankme", "linear_accuracy", "learning_rate", "memory_mb"} <= metrics.keys()
    assert "data.image" in task["fields"]
    assert "data.tokenizer" not in task["fields"]
    assert tasks["masked_lm"]["main_fields"] == ["task.mask_probability"]
    assert {m["name"]: m["level"] for m in tasks["masked_lm"]["metrics"]}["loss"] == "unigram_entropy"


def test_recipes_are_specs_of_jobs(tasks: dict[str, Any]) -> None:
    for kind, task in tasks.items():
        for recipe in task["recipes"]:
            assert validate({"name": "one", **recipe["spec"]}).task.kind == kind


def test_one_task_is_as_in_the_list(client: httpx.Client, tasks: dict[str, Any]) -> None:
    assert client.get("/v1/tasks/gan").json() == tasks["gan"]


@pytest.mark.parametrize(
    "kind", ["mask_lm", "Masked_LM", "x" * 300, "%F0%9F%8C%B1", "job_01kb3c4d5e6f7g8h9jakbmcnpq"]
)
def test_a_task_that_there_is_not_is_no_server_error(client: httpx.Client, kind: str) -> None:
    found = problem(client.get(f"/v1/tasks/{kind}"), 404, "task_not_found", "kind")
    assert "masked_lm" in found["detail"]
    assert len(found["detail"]) < 600


def test_the_list_is_small_enough_to_be_asked_for_on_every_page_load(client: httpx.Client) -> None:
    answer = client.get("/v1/tasks", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(json.dumps(answer.json())) < 200_000
