"""Tasks through Celery and the supervisor: an export by the scripted engine, an estimate and an export by the real one."""

import hashlib
import pydoc_data.topics

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.jobs.models import Job
from control.tasks import estimates, exports
from control.workers.fleet import fleet
from core.spec import validate
from tests.worker.conftest import Bench, Tree, eventually

SPEC = {
    "task": {"kind": "masked_lm"},
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 512}},
    "training": {"steps": 3, "batch_size": 4, "sequence_length": 32, "evaluate_every": 2},
}


def _checkpoint(bench: Bench, job_id: str) -> str:
    with read(bench.database) as session:
        rows = session.query(Checkpoint).filter_by(job_id=job_id, deleted_at=None).order_by(Checkpoint.step)
        return rows.all()[-1].id


def _online(bench: Bench) -> bool:
    with read(bench.database) as session:
        return bool(fleet(session).members)


def _export(bench: Bench, job_id: str) -> Job:
    with write(bench.database) as session:
        task = exports.create(session, bench.project, _checkpoint(bench, job_id), "onnx")
    return bench.await_state(task.id, "succeeded", "failed")


def test_what_an_export_makes_is_in_storage_before_it_succeeds(bench: Bench, worker: Tree) -> None:
    job_id = bench.submit()
    bench.await_state(job_id, "succeeded")
    task = _export(bench, job_id)
    assert task.state == "succeeded", task.failure
    assert task.result
    [file] = task.result["files"]
    assert (file["path"], file["bytes"]) == ("model.onnx", len("step 40 as onnx"))
    assert file["sha256"] == hashlib.sha256(b"step 40 as onnx").hexdigest()
    with bench.storage.open(f"{task.result['prefix']}/model.onnx") as content:
        assert content.read() == b"step 40 as onnx"
    assert "path" not in task.result, "a worker's directories are nobody's business"


def test_the_real_engine_estimates_and_exports(bench: Bench) -> None:
    text = "\f".join(pydoc_data.topics.topics.values()).encode()[:200_000]
    dataset = bench.dataset(text)
    spec = validate({"name": "real", "dataset": dataset, **SPEC})
    with bench.worker(engine="core"):
        job_id = bench.submit("real", dataset=dataset, **{k: v for k, v in SPEC.items() if k != "task"})
        bench.await_state(job_id, "succeeded", "failed")
        with write(bench.database) as session:
            asked = estimates.create(session, bench.project, spec, largest_batch=False)
        estimate = bench.await_state(asked.id, "succeeded", "failed")
        export = _export(bench, job_id)

    assert estimate.state == "succeeded", estimate.failure
    with read(bench.database) as session:
        result = estimates.estimate_out(session, session.get_one(Job, estimate.id)).result
        made = exports.export_out(session, session.get_one(Job, export.id))
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


def test_an_estimate_of_what_cannot_be_learned_from_fails_in_words(bench: Bench) -> None:
    dataset = bench.dataset(b"one\n\n\ntwo " * 3000)
    document = {"name": "real", "dataset": dataset, **SPEC}
    document["data"] = {"tokenizer": {"kind": "uploaded"}}
    with bench.worker(engine="core"):
        eventually(lambda: _online(bench), "a worker")
        with write(bench.database) as session:
            asked = estimates.create(session, bench.project, validate(document), largest_batch=False)
        task = bench.await_state(asked.id, "succeeded", "failed")
    assert task.state == "failed"
    assert task.failure
    assert task.failure["code"] == "tokenizer_invalid"
    assert task.attempt == 1, "a retry would not help"
