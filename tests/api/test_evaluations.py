"""Evaluations over HTTP: asked for once, refused by field, and what they need stays until they are over."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset
from control.db import write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from tests.api.conftest import problem
from tests.factories import make_checkpoint, make_dataset, make_running, make_worker

ESTIMATED = {"value": 1.5, "low": 1.0, "high": 2.0}
RESULT: dict[str, Any] = {
    "task": "masked_lm",
    "against_task": "masked_lm",
    "split": "held_out",
    "device_name": "CPU",
    "resampling": {"resamples": 1000, "level": 0.95, "seed": 0},
    "sections": [
        {
            "name": "language",
            "counted": "Every token once.",
            "unit": "documents",
            "units": 40,
            "paired": True,
            "documents": [],
            "measures": [
                {
                    "name": "bits_per_byte",
                    "title": "Bits per byte",
                    "unit": "bits/byte",
                    "better": "lower",
                    "hint": None,
                    **ESTIMATED,
                    "against": ESTIMATED,
                    "difference": {"value": 0.0, "low": None, "high": None},
                    "mcnemar": {"only_first": 1, "only_second": 2, "p_value": 1.0},
                }
            ],
        }
    ],
}


def _done(engine: Engine, project_id: str, step: int = 10, **changes: Any) -> tuple[Job, Checkpoint]:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id, **changes)
        made = make_checkpoint(session, claim, step)
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
        return job, made


@pytest.fixture
def pair(engine: Engine, project_id: str) -> tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]]:
    """Two jobs that are over, on datasets of their own, each with a checkpoint."""
    return _done(engine, project_id), _done(engine, project_id, step=20)


def test_an_evaluation_is_asked_for_once_and_has_a_result(
    client: httpx.Client, engine: Engine, pair: tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]]
) -> None:
    (job, made), (other_job, other) = pair
    body = {"checkpoint": made.id, "against": other.id}
    answer = client.post("/v1/evaluations", json=body)
    assert answer.status_code == 202, answer.text
    asked = answer.json()
    assert asked["id"].startswith("eval_")
    told = (
        "checkpoint",
        "job",
        "step",
        "dataset",
        "against",
        "against_job",
        "against_step",
        "split",
        "probes",
    )
    assert [asked[name] for name in told] == [
        *(made.id, job.id, 10, job.dataset_id, other.id, other_job.id, 20, "held_out", True)
    ]
    assert client.post("/v1/evaluations", json=body).json()["id"] == asked["id"]
    named = body | {"dataset": job.dataset_id, "split": "held_out"}
    assert client.post("/v1/evaluations", json=named).json()["id"] == asked["id"], "the default, written out"
    other_split = client.post("/v1/evaluations", json=body | {"split": "all"}).json()
    assert other_split["id"] != asked["id"]
    assert [row["id"] for row in client.get(f"/v1/jobs/{job.id}/evaluations").json()["data"]][-1] == asked[
        "id"
    ]

    with write(engine) as session:
        claim = jobs.claim(session, make_worker(session))
        assert claim
        assert (claim.job_id, claim.purpose) == (asked["id"], "evaluation")
        assert [reference.id for reference in claim.checkpoints] == [made.id]
        assert claim.against
        assert claim.against.id == other.id
        assert len(claim.files) == 1
        jobs.finish(session, claim.job_id, claim.attempt, jobs.Completed(result=RESULT))
    done = client.get(f"/v1/evaluations/{asked['id']}", params={"wait": 10}).json()
    assert (done["state"], done["result"]) == ("succeeded", RESULT)
    assert client.get("/v1/jobs").json()["data"][0]["id"] == other_job.id, "no list of jobs shows it"


def test_another_dataset_is_the_one_that_is_claimed(
    client: httpx.Client, engine: Engine, project_id: str, pair: tuple[tuple[Job, Checkpoint], Any]
) -> None:
    (_, made), _ = pair
    with write(engine) as session:
        dataset = make_dataset(session, project_id)
    asked = client.post("/v1/evaluations", json={"checkpoint": made.id, "dataset": dataset}).json()
    assert asked["dataset"] == dataset
    assert asked["against"] is None
    with write(engine) as session:
        row = session.get_one(Job, asked["id"])
        assert (row.dataset_id, row.spec["dataset"]) == (dataset, dataset)
    problem(client.delete(f"/v1/datasets/{dataset}"), 409, "dataset_in_use", "dataset")


def test_what_cannot_be_evaluated_is_refused_by_field(
    client: httpx.Client,
    engine: Engine,
    project_id: str,
    pair: tuple[tuple[Job, Checkpoint], Any],
) -> None:
    (_, made), _ = pair
    nobody = {"checkpoint": "ckpt_" + "0" * 26}

    def ask(body: dict[str, Any], status: int, code: str, param: str | None) -> None:
        problem(client.post("/v1/evaluations", json=body), status, code, param)

    ask({}, 422, "validation_failed", "checkpoint")
    ask({"checkpoint": "ckpt_1"}, 422, "validation_failed", "checkpoint")
    ask(nobody, 404, "checkpoint_not_found", "checkpoint")
    ask({"checkpoint": made.id, "against": nobody["checkpoint"]}, 404, "checkpoint_not_found", "against")
    ask({"checkpoint": made.id, "against": made.id}, 422, "validation_failed", "against")
    ask({"checkpoint": made.id, "dataset": "ds_" + "0" * 26}, 404, "dataset_not_found", "dataset")
    ask({"checkpoint": made.id, "split": "test"}, 422, "validation_failed", "split")
    ask({"checkpoint": made.id, "resamples": 1}, 422, "validation_failed", "resamples")
    with write(engine) as session:
        still_open = make_dataset(session, project_id, state="open")
    ask({"checkpoint": made.id, "dataset": still_open}, 409, "dataset_not_ready", "dataset")
    pictures = client.post("/v1/datasets", json={"name": "p", "modality": "image"}).json()["id"]
    with write(engine) as session:
        session.get_one(Dataset, pictures).state = "ready"
    ask({"checkpoint": made.id, "dataset": pictures}, 422, "modality_mismatch", "dataset")


@pytest.mark.parametrize("field", ["checkpoint", "against", "dataset"])
def test_what_belongs_to_another_project_is_not_found(
    field: str,
    stranger: httpx.Client,
    engine: Engine,
    pair: tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]],
) -> None:
    (job, made), (_, other) = pair
    _, own = _done(engine, stranger.get("/v1/session").json()["project"]["id"])
    body = {"checkpoint": own.id}
    theirs = {"checkpoint": made.id, "against": other.id, "dataset": job.dataset_id}
    refused = stranger.post("/v1/evaluations", json=body | {field: theirs[field]})
    code = "dataset_not_found" if field == "dataset" else "checkpoint_not_found"
    problem(refused, 404, code, field)
    assert stranger.post("/v1/evaluations", json=body).status_code == 202


def test_a_checkpoint_of_another_modality_is_not_compared(
    client: httpx.Client, engine: Engine, pair: tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]]
) -> None:
    (_, made), (other_job, other) = pair
    with write(engine) as session:
        row = session.get_one(Job, other_job.id)
        row.spec = row.spec | {"task": {"kind": "masked_autoencoder"}, "model": {"preset": "vit-tiny"}}
    body = {"checkpoint": made.id, "against": other.id}
    problem(client.post("/v1/evaluations", json=body), 422, "modality_mismatch", "against")


@pytest.mark.parametrize("which", ["checkpoint", "against"])
def test_both_checkpoints_stay_until_it_is_over(
    which: str, client: httpx.Client, pair: tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]]
) -> None:
    named = {"checkpoint": pair[0], "against": pair[1]}
    body = {name: made.id for name, (_, made) in named.items()}
    asked = client.post("/v1/evaluations", json=body).json()["id"]
    job, made = named[which]
    told = problem(client.delete(f"/v1/checkpoints/{made.id}"), 409, "checkpoint_in_use", "checkpoint")
    assert asked in told["detail"]
    problem(client.delete(f"/v1/jobs/{job.id}"), 409, "job_in_use", "job")
    assert client.post(f"/v1/evaluations/{asked}/cancel").json()["state"] == "cancelled"
    assert client.delete(f"/v1/checkpoints/{made.id}").status_code == 204
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    left = client.get(f"/v1/evaluations/{asked}")
    assert left.status_code == (404 if which == "checkpoint" else 200), (
        "it goes with the job that it evaluates"
    )


def test_a_finished_one_is_deleted(
    client: httpx.Client, pair: tuple[tuple[Job, Checkpoint], tuple[Job, Checkpoint]]
) -> None:
    asked = client.post("/v1/evaluations", json={"checkpoint": pair[0][1].id}).json()["id"]
    problem(client.delete(f"/v1/evaluations/{asked}"), 409, "not_over", "evaluation")
    client.post(f"/v1/evaluations/{asked}/cancel")
    assert client.delete(f"/v1/evaluations/{asked}").status_code == 204
    problem(client.get(f"/v1/evaluations/{asked}"), 404, "evaluation_not_found")


def test_a_job_that_still_runs_may_be_evaluated(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        _, claim = make_running(session, project_id=project_id)
        made = make_checkpoint(session, claim, 10)
    assert client.post("/v1/evaluations", json={"checkpoint": made.id}).status_code == 202
