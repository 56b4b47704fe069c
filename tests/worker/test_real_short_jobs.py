"""An estimate and an export by the real engine, through Celery and the supervisor."""

import pydoc_data.topics

import pytest

from control.db import read, write
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.presenters import short_job_out
from control.workers.fleet import fleet
from core.spec.problems import validate
from tests.worker.conftest import Bench, eventually
from tests.worker.test_short_jobs import export_newest

pytestmark = pytest.mark.usefixtures("real_worker")

SPEC = {
    "task": {"kind": "masked_lm"},
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 512}},
    "training": {"steps": 3, "batch_size": 4, "sequence_length": 32, "evaluate_every": 2},
}


def _online(bench: Bench) -> bool:
    with read(bench.database) as session:
        return bool(fleet(session).members)


def test_the_real_engine_estimates_and_exports(bench: Bench) -> None:
    text = "\f".join(pydoc_data.topics.topics.values()).encode()[:200_000]
    dataset = bench.dataset(text)
    spec = validate({"name": "real", "dataset": dataset, **SPEC})
    job_id = bench.submit("real", dataset=dataset, **{k: v for k, v in SPEC.items() if k != "task"})
    bench.await_state(job_id, "succeeded", "failed")
    with write(bench.database) as session:
        asked = short_jobs.create_from_spec(
            session, ESTIMATE, bench.project, spec, EstimateOptions(largest_batch=False)
        )
    estimate = bench.await_state(asked.id, "succeeded", "failed")
    export = export_newest(bench, job_id)

    assert estimate.state == "succeeded", estimate.failure
    with read(bench.database) as session:
        result = short_job_out(session, ESTIMATE, session.get_one(Job, estimate.id)).result
        made = short_job_out(session, EXPORT, session.get_one(Job, export.id))
    assert result
    assert result.steps_timed >= 10
    assert 0 < result.step_seconds.low <= result.step_seconds.median <= result.step_seconds.high
    assert result.eta.low <= result.eta.seconds <= result.eta.high
    assert 0 < result.utilization < 1
    assert result.largest_batch is None
    assert bench.checkpoints(estimate.id) == []

    assert made.state == "succeeded", made.failure
    assert made.result
    assert made.result.architecture == "BertForMaskedLM"
    assert made.result.check.largest_difference <= made.result.check.tolerance
    assert {"config.json", "model.onnx", "tokenizer.json"} <= {file.path for file in made.files}


def test_an_estimate_on_unusable_data_fails_with_a_message(bench: Bench) -> None:
    # The stored report claims a tokenizer, so that only the engine finds that there is none.
    dataset = bench.dataset(b"one\n\n\ntwo " * 3000, vocabulary_size=300, tokenizer_sha256="0" * 64)
    document = {"name": "real", "dataset": dataset, **SPEC}
    document["data"] = {"tokenizer": {"kind": "uploaded"}}
    eventually(lambda: _online(bench), "a worker")
    with write(bench.database) as session:
        asked = short_jobs.create_from_spec(
            session, ESTIMATE, bench.project, validate(document), EstimateOptions(largest_batch=False)
        )
    short_job = bench.await_state(asked.id, "succeeded", "failed")
    assert short_job.state == "failed"
    assert short_job.failure
    assert short_job.failure["code"] == "tokenizer_invalid"
    assert short_job.attempt == 1, "a retry would not help"
