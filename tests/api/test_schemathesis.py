"""The API against its own OpenAPI document: thousands of requests, valid and not, each answered as documented."""

import json
import math
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from control.db import WriteSession, write
from control.jobs import service as jobs
from control.lineages import service as lineages
from control.lineages.schemas import PlannedLineageIn
from control.samples.service import commit_sample
from control.settings import Settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from control.short_jobs.kinds.preview import KIND as PREVIEW
from control.short_jobs.kinds.preview import PreviewOptions
from tests.api.conftest import Keys, RequestLog, Stored
from tests.factories import make_job, make_running, make_spec

CASES = int(os.environ.get("SEEDBED_SCHEMATHESIS_CASES", "700"))
"""Least number of cases; `./run bench schemathesis --cases 5000` runs this test with more."""
SEED = os.environ.get("SEEDBED_SCHEMATHESIS_SEED", "1")
CORPUS = b"\n\n\n".join(b"Document %d of a corpus that is large enough. " % n * 50 for n in range(200))

# Requests that are valid by the schema and still refused, for reasons that JSON Schema cannot express.
REFUSED_WHEN_VALID: dict[str, list[int]] = {
    # A cursor must come from a response.
    **{
        operation: [422]
        for operation in (
            "listKeys",
            "listDatasets",
            "listVersions",
            "listJobs",
            "listWorkers",
            "listLineages",
            "listCheckpoints",
            "listUploadedCheckpoints",
            "streamJob",
        )
    },
    # An Idempotency-Key belongs to one request.
    "createDataset": [422],
    "createVersion": [422],
    "createCheckpoint": [422],
    "createEvaluation": [422],
    "exportCheckpoint": [422],
    # A file's content is inspected, and its name must be a valid file name.
    "uploadFile": [413, 422],
    "uploadCheckpointFile": [413, 422],
    "deleteFile": [422],
    # A spec's numbers must fit together, and the dataset; its strings can be stored.
    "submitJob": [400, 422],
    "estimateJob": [400, 422],
    "previewJob": [400, 422],
    "forkJob": [400, 422],
    "validateJob": [400],
    # Likewise of every stage, and a measure must be one of the job's.
    "submitLineage": [400, 422],
    "getContinual": [422],
    "getPlannedLineage": [422],
    # What is asked for must be a prediction of the checkpoint's task.
    "predict": [422],
    # A range must lie in the file.
    "downloadCheckpointFile": [416],
    "headCheckpointFile": [416],
    "downloadExportFile": [416],
    "headExportFile": [416],
}
ACCEPTED = ["2xx", "3xx", 401, 403, 404, 409, 429, "5xx"]


def _in_state(session: WriteSession, project_id: str, dataset_id: str, state: str) -> str:
    if state == "queued":
        return make_job(session, project_id, dataset=dataset_id).id
    job, claim = make_running(session, project_id=project_id, dataset=dataset_id)
    points = [jobs.Point("train/loss", step, 1 / step, datetime.now(UTC)) for step in range(1, 20)]
    jobs.record_points(session, job.id, claim.attempt, points)
    jobs.record_log_tail(session, job.id, claim.attempt, "step 1\n", total_bytes=7)
    if state == "succeeded":
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    elif state == "failed":
        jobs.finish(session, job.id, claim.attempt, jobs.Failed("non_finite_loss", "The loss is NaN."))
    elif state != "running":
        jobs.request(session, project_id, job.id, "pause" if state == "paused" else "cancel")
        jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    assert job.state == state
    return job.id


@pytest.fixture
def server_settings(environment: Settings) -> Settings:
    """Invalid keys are tried far more often than the limit allows."""
    return environment.model_copy(update={"sign_in_attempts": 10**9})


@pytest.fixture
def things(
    client: httpx.Client, engine: Engine, project_id: str, api_keys: Keys, checkpoint: Stored
) -> dict[str, list[str]]:
    """Values of path parameters: ids of resources in every state."""
    datasets = [client.post("/v1/datasets", json={"name": name}).json()["id"] for name in ("ready", "open")]
    for dataset in datasets:
        client.put(f"/v1/datasets/{dataset}/files/corpus.txt", content=CORPUS).raise_for_status()
    client.post(f"/v1/datasets/{datasets[0]}/complete").raise_for_status()
    states = ("running", "succeeded", "failed", "cancelled", "paused", "queued")
    with write(engine) as session:
        known = [_in_state(session, project_id, datasets[0], state) for state in states]
        spec = make_spec(datasets[0])
        estimate = short_jobs.create_from_spec(
            session, ESTIMATE, project_id, spec, EstimateOptions(largest_batch=False)
        ).id
        preview = short_jobs.create_from_spec(
            session, PREVIEW, project_id, spec, PreviewOptions(samples=2, step=1)
        ).id
        export = short_jobs.create_from_checkpoint(
            session, EXPORT, project_id, checkpoint.id, ExportIn(format="onnx")
        ).id
        datasets_of_stages = [datasets[0], datasets[0]]
        planned = PlannedLineageIn(
            spec=spec.model_dump(mode="json", exclude_none=True), datasets=datasets_of_stages
        )
        lineage = lineages.plan(session, project_id, planned, by_admin=True).id
        sample = commit_sample(
            session,
            known[0],
            1,
            step=1,
            name="text",
            media_type="text/plain",
            size=len(checkpoint.files["config.json"]),
            sha256="a" * 64,
            object_key=f"{checkpoint.prefix}/config.json",
        ).id
    return {
        "dataset": datasets,
        "job": known,
        "checkpoint": [checkpoint.id],
        "estimate": [estimate],
        "preview": [preview],
        "export": [export],
        "sample": [sample],
        "lineage": [lineage],
        "key": [api_keys.made[api_keys.make(project_id, "read")] for _ in range(3)],
        "name": ["corpus.txt", "another.txt"],
        "path": ["config.json", "model.safetensors", "manifest.json"],
    }


def _configuration(things: dict[str, list[str]]) -> str:
    # The stream of a running job does not end; a few events are enough.
    lines = ["request-timeout = 20", "max-stream-events = 5", "warnings = false"]
    for name, values in things.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in things]
    # No worker finishes the short jobs that these requests would wait for.
    lines.append('"query.wait" = 0.01')
    for operation, statuses in REFUSED_WHEN_VALID.items():
        lines += [
            "[[operations]]",
            f'include-operation-id = "{operation}"',
            f"checks.positive_data_acceptance.expected-statuses = {json.dumps([*ACCEPTED, *statuses])}",
        ]
    # The key found by its link would be the one that this run uses.
    lines += ["[[operations]]", 'include-operation-id = "revokeKey"', "phases.stateful.enabled = false"]
    # A quota of nothing, once it is set, has every upload after it refused: tests/api/test_usage.py tries its values.
    lines += ["[[operations]]", 'include-operation-id = "setQuotas"', "enabled = false"]
    return "\n".join(lines)


def test_every_answer_is_as_documented(
    url: str, client: httpx.Client, things: dict[str, list[str]], request_log: RequestLog, tmp_path: Path
) -> None:
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(_configuration(things))
    operations = sum(len(methods) for methods in client.get("/openapi.json").json()["paths"].values())
    found = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={configuration}",
            "run",
            f"{url}/openapi.json",
            f"--header=Authorization: {client.headers['authorization']}",
            "--checks=all",
            f"--max-examples={math.ceil(CASES / operations / 2.5)}",
            f"--seed={SEED}",
            "--suppress-health-check=all",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    generated = re.search(r"(\d+) generated", found.stdout)
    assert generated, found.stdout + found.stderr
    records = list(request_log.records)
    errors = [line for line in records if line.get("status", 0) >= 500]
    uncaught = [line for line in records if line["traceback"] and line["level"] == "ERROR"]
    print(f"schemathesis: {generated[1]} cases, {len(errors)} server errors, {len(uncaught)} uncaught")
    assert found.returncode == 0, found.stdout + found.stderr
    assert not errors
    assert not uncaught
    assert int(generated[1]) >= CASES, found.stdout
