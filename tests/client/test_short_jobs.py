"""Estimates, exports and samples: the SDK and the ``seedbed`` command against the real service."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import seedbed

from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.samples.service import commit_sample
from tests.client.conftest import SPEC, Service, Trainer
from tests.client.test_cli import Command, environ, job_file, run
from tests.control.short_jobs.test_short_jobs import RESULT

__all__ = ["environ", "job_file", "run"]

ONNX = b"a network" * 1000
LARGEST = {"samples": 1234, "bytes_per_sample": 1e6, "limit_bytes": 2**33, "how": "from the peaks"}


@contextmanager
def worker(trainer: Trainer, result: jobs.Result) -> Iterator[None]:
    """A simulated worker that finishes the next short job with this result."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.02):
            with write(trainer.service.engine) as session:
                claim = jobs.claim(session, trainer.worker)
                if claim is not None:
                    jobs.finish(session, claim.job_id, claim.attempt, result)
                    return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def exported(service: Service) -> dict[str, Any]:
    """An export's result, its one file in storage."""
    prefix = "jobs/exp_made/attempt-1/files"
    service.storage.put_stream(f"{prefix}/model.onnx", [ONNX])
    return {
        "architecture": "BertForMaskedLM",
        "opset": 18,
        "inputs": ["input_ids"],
        "outputs": ["logits"],
        "parameters": 5,
        "check": {"runtime": "onnxruntime 1", "inputs": 3, "largest_difference": 2e-7, "tolerance": 1e-4},
        "prefix": prefix,
        "files": [{"path": "model.onnx", "bytes": len(ONNX), "sha256": hashlib.sha256(ONNX).hexdigest()}],
    }


@pytest.fixture
def checkpoint(job: str, trainer: Trainer) -> str:
    """A checkpoint of an ended job."""
    made = trainer.checkpoint(100, {"config.json": b"{}"}).id
    trainer.finish()
    return made


def test_an_estimate_is_created_and_awaited(client: seedbed.Client, dataset: str, trainer: Trainer) -> None:
    asked = client.jobs.estimate(SPEC, dataset=dataset, largest_batch=True)
    assert asked.state == "queued"
    with read(trainer.service.engine) as session:
        assert session.get_one(Job, asked.id).options == {"largest_batch": True}
    seen: list[str] = []
    with worker(trainer, jobs.Completed(result=RESULT | {"largest_batch": LARGEST})):
        done = client.estimates.wait(asked.id, on_progress=lambda now: seen.append(now.state))
    assert seen[-1] == done.state == "succeeded"
    assert done.result
    assert done.result.eta.seconds == 11.0
    assert done.result.largest_batch
    assert done.result.largest_batch.samples == 1234


def test_an_estimate_is_cancelled(client: seedbed.Client, dataset: str, trainer: Trainer) -> None:
    asked = client.jobs.estimate(SPEC, dataset=dataset)
    assert client.estimates.cancel(asked.id).state == "cancelled"
    assert client.estimates.wait(asked.id).result is None


def test_without_a_worker_an_estimate_is_a_conflict(client: seedbed.Client, dataset: str) -> None:
    with pytest.raises(seedbed.Conflict, match="No worker is online"):
        client.jobs.estimate(SPEC, dataset=dataset)


def test_an_export_is_awaited_and_downloaded(
    client: seedbed.Client, service: Service, checkpoint: str, trainer: Trainer, tmp_path: Path
) -> None:
    asked = client.checkpoints.export(checkpoint)
    with pytest.raises(seedbed.SeedbedError, match="has no files"):
        client.exports.download(asked, tmp_path / "early")
    with worker(trainer, jobs.Completed(result=exported(service))):
        done = client.exports.wait(asked.id)
    assert done.state == "succeeded"
    place = client.exports.download(done, tmp_path / "onnx")
    assert (place / "model.onnx").read_bytes() == ONNX
    assert [row.id for row in client.exports.list(done.job)] == [done.id]


def test_the_command_prints_an_estimate_as_a_table_or_as_json(
    run: Command, job_file: Path, trainer: Trainer
) -> None:
    result = jobs.Completed(result=RESULT | {"largest_batch": LARGEST})
    with worker(trainer, result):
        done = run("job", "estimate", "-f", job_file, "--largest-batch")
    assert done.code == 0, done.err
    assert "11 s, between 10 s and 13 s" in done.out
    assert "10.0%" in done.out
    assert "1,234 samples at once" in done.out
    with worker(trainer, result):
        found = run("job", "estimate", "-f", job_file, "--json").json
    assert found["result"]["eta"] == {"seconds": 11.0, "low": 10.0, "high": 13.0}


def test_the_command_says_why_an_estimate_failed(run: Command, job_file: Path, trainer: Trainer) -> None:
    failed = jobs.Failed("out_of_memory", "This machine has not enough memory.", "Lower training.batch_size.")
    with worker(trainer, failed):
        done = run("job", "estimate", "-f", job_file)
    assert done.code == 5
    assert "not enough memory" in done.err
    assert "Lower training.batch_size" in done.err
    assert done.out == ""


def test_a_wrong_spec_is_told_with_its_line(run: Command, job_file: Path) -> None:
    done = run("job", "estimate", "-f", job_file, "--set", "training.steps=0")
    assert done.code == 3
    assert "training.steps" in done.err


def test_the_command_exports_and_downloads(
    run: Command, service: Service, checkpoint: str, trainer: Trainer, tmp_path: Path
) -> None:
    with worker(trainer, jobs.Completed(result=exported(service))):
        done = run("checkpoint", "export", checkpoint, "--format", "onnx", "--out", tmp_path / "onnx")
    assert done.code == 0, done.err
    assert done.out.strip() == str(tmp_path / "onnx")
    assert "BertForMaskedLM at step 100" in done.err
    assert (tmp_path / "onnx" / "model.onnx").read_bytes() == ONNX


def test_the_command_tells_what_rounding_costs(
    run: Command, service: Service, checkpoint: str, trainer: Trainer, tmp_path: Path
) -> None:
    result = exported(service)
    result["check"] |= {"largest_difference": 0.03, "tolerance": None}
    result["costs"] = [{"name": "accuracy", "original": 0.91, "exported": 0.905}]
    with worker(trainer, jobs.Completed(result=result)):
        done = run("checkpoint", "export", checkpoint, "--format", "onnx_int8", "--out", tmp_path / "int8")
    assert done.code == 0, done.err
    assert "onnxruntime 1 differs by 0.03" in done.err
    assert "accuracy: 0.91 before, 0.905 after." in done.err
    refused = run("checkpoint", "export", checkpoint, "--format", "gguf")
    assert refused.code != 0
    assert "Formats for it: onnx, onnx_int8, torch_export." in refused.err


def test_samples_are_listed_printed_and_written(
    run: Command, client: seedbed.Client, job: str, trainer: Trainer, tmp_path: Path
) -> None:
    for step, text in ((10, b"once upon"), (20, b"a time")):
        key = f"jobs/{job}/attempt-1/samples/step-{step}/text/content"
        trainer.service.storage.put_stream(key, [text])
        with write(trainer.service.engine) as session:
            commit_sample(
                session,
                job,
                trainer.attempt,
                step=step,
                name="text",
                media_type="text/plain",
                size=len(text),
                sha256=hashlib.sha256(text).hexdigest(),
                object_key=key,
            )
    found = list(client.jobs.samples(job))
    assert [(item.step, client.jobs.sample_content(item.id)) for item in found] == [
        (10, b"once upon"),
        (20, b"a time"),
    ]
    assert found[0].id in run("job", "samples", job).out
    assert "a time" in run("job", "samples", job, "--step", "20").out
    assert run("job", "samples", job, "--out", tmp_path / "shown").code == 0
    assert (tmp_path / "shown" / "step-00000020" / "text.txt").read_bytes() == b"a time"
