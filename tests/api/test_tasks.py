"""Tasks over HTTP."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from control.db import write
from control.jobs import service as jobs
from core.spec.problems import validate
from core.spec.tasks import tasks_by_kind
from tests.api.conftest import problem
from tests.factories import make_checkpoint, make_running


@pytest.fixture
def tasks(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v1/tasks")
    assert answer.status_code == 200
    page = answer.json()
    assert (page["object"], page["has_more"], page["next"]) == ("list", False, None)
    return {task["kind"]: task for task in page["data"]}


def test_every_task_is_listed_and_the_default_of_each_modality_is_first(tasks: dict[str, Any]) -> None:
    assert list(tasks) == list(tasks_by_kind())
    first = {task["modality"]: task["kind"] for task in reversed(tasks.values())}
    assert first == {"text": "masked_lm", "image": "contrastive", "audio": "masked_spectrogram"}


def test_a_task_has_all_that_the_form_and_the_charts_need(tasks: dict[str, Any]) -> None:
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


def test_a_single_task_equals_its_entry_in_the_list(client: httpx.Client, tasks: dict[str, Any]) -> None:
    assert client.get("/v1/tasks/gan").json() == tasks["gan"]


@pytest.mark.parametrize(
    "kind", ["mask_lm", "Masked_LM", "x" * 300, "%F0%9F%8C%B1", "job_01kb3c4d5e6f7g8h9jakbmcnpq"]
)
def test_an_unknown_task_is_not_found(client: httpx.Client, kind: str) -> None:
    found = problem(client.get(f"/v1/tasks/{kind}"), 404, "task_not_found", "kind")
    assert "masked_lm" in found["detail"]
    assert len(found["detail"]) < 600


def test_the_list_is_small_enough_for_every_page_load(client: httpx.Client) -> None:
    answer = client.get("/v1/tasks", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(json.dumps(answer.json())) < 200_000


_UNINSTALLED = text(
    """UPDATE jobs SET spec = jsonb_set(spec, '{task}', '{"kind": "toy", "size": 3}') WHERE id = :id"""
)


def test_jobs_of_a_task_that_is_not_installed_any_more_are_shown(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    """Its row is from before the package was uninstalled."""
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        make_checkpoint(session, claim, 10)
        session.execute(_UNINSTALLED, {"id": job.id})
    where = f"/v1/jobs/{job.id}"
    shown = client.get(where)
    assert shown.status_code == 200, shown.text
    assert shown.json()["spec"]["task"] == {"kind": "toy", "size": 3}
    assert client.get("/v1/jobs").json()["data"][0]["task"] == "toy"
    assert client.get(f"{where}/checkpoints").json()["data"][0]["step"] == 10
    for part in ("events", "metrics", "logs", "lineage", "samples", "exports"):
        assert client.get(f"{where}/{part}").status_code == 200
    with write(engine) as session:
        make_checkpoint(session, claim, 20)  # the retention rule is still read
    refused = problem(client.post(f"{where}/fork", json={}), 422, "validation_failed", "task.kind")
    assert "No installed package brings the task 'toy'" in refused["detail"]
    for verb in ("pause", "cancel"):
        assert client.post(f"{where}/{verb}").status_code == 200
    with write(engine) as session:
        jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert client.get(where).json()["state"] == "cancelled"
    assert client.delete(where).status_code == 204


def test_a_new_job_of_it_is_refused_at_its_field(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs/validate", json={"task": {"kind": "toy"}}).json()
    (found,) = (error for error in answer["errors"] if error["param"] == "task.kind")
    assert found["code"] == "unknown_value"
    assert "masked_lm" in found["message"]
