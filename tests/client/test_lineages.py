"""Lineages in the SDK and on the command line, against the real service."""

import uuid
from pathlib import Path

import httpx
import pytest
import seedbed
from sqlalchemy import Engine

from control.db import read
from control.lifecycle.models import Job
from control.lineages.models import PlannedLineage
from tests.client.conftest import SPEC, Service, Trainer
from tests.client.test_cli import Command, environ, job_file, run

__all__ = ["environ", "job_file", "run"]


def test_a_lineage_is_submitted_watched_and_cancelled(
    client: seedbed.Client, dataset: str, trainer: Trainer, engine: Engine
) -> None:
    lineage = client.lineages.submit(SPEC | {"continual": {}}, [dataset] * 3, name="three")
    assert (lineage.name, lineage.state) == ("three", "running")
    assert [stage.state for stage in lineage.stages] == ["queued", "waiting", "waiting"]
    assert [one.id for one in client.lineages.list()] == [lineage.id]
    first = lineage.stages[0].job
    assert first is not None
    assert client.jobs.continual(first).lineage == lineage.id
    with pytest.raises(seedbed.errors.Conflict):
        client.lineages.delete(lineage.id)
    assert client.lineages.cancel(lineage.id).state == "cancelled"
    assert client.lineages.wait(lineage.id).stages[0].state == "cancelled"
    assert client.lineages.resume(lineage.id).state == "running"
    client.lineages.cancel(lineage.id)
    client.lineages.delete(lineage.id)
    with pytest.raises(seedbed.errors.NotFound):
        client.lineages.get(lineage.id)
    with pytest.raises(seedbed.errors.Invalid) as refused:
        client.lineages.submit(SPEC | {"training": {}}, [dataset] * 2)
    assert refused.value.errors[0].param == "spec.training.steps"


def test_a_repeated_submission_plans_one_lineage(service: Service, dataset: str, engine: Engine) -> None:
    headers = {"Authorization": f"Bearer {service.key}", "Idempotency-Key": str(uuid.uuid4())}
    body = {"spec": SPEC, "datasets": [dataset, dataset]}
    answers = [
        httpx.post(f"{service.url}/v1/lineages", json=body, headers=headers).raise_for_status().json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    with read(engine) as session:
        assert session.query(PlannedLineage).count() == 1
        assert session.query(Job).count() == 1


def test_the_command_line_knows_lineages(run: Command, job_file: Path, dataset: str) -> None:
    submitted = run("lineage", "submit", dataset, dataset, "-f", job_file, "--name", "mine")
    assert submitted.code == 0, submitted.err
    lineage = submitted.out.strip()
    assert run("lineage", "show", lineage, "--json").json["name"] == "mine"
    assert "waiting" in run("lineage", "show", lineage).out
    assert "0 of 2" in run("lineage", "list").out
    assert "'mine' is cancelled" in run("lineage", "cancel", lineage).err
    assert "'mine' is running" in run("lineage", "resume", lineage).err
    assert run("lineage", "delete", lineage, "--yes").code == 1
    assert run("lineage", "cancel", lineage).code == 0
    assert run("lineage", "delete", lineage, "--yes").code == 0
    assert run("lineage", "list", "--json").json == []
    bad = run("lineage", "submit", dataset, dataset, "-f", job_file, "--set", "continual.ewc.strength=0")
    assert bad.code == 3
    assert "continual.ewc.strength" in bad.err
