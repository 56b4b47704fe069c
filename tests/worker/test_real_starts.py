"""Jobs that start from checkpoints, with the real engine: in a module of its own, whose bench has no worker of the scripted engine."""

import json
import pydoc_data.topics
from pathlib import Path

import pytest

from control.checkpoints import uploads
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointUploadIn
from control.checkpoints.upload_files import UploadFile
from control.db import read, write
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from core.spec.problems import validate
from tests.core.published_models import reports_of, saved
from tests.worker.conftest import Bench
from tests.worker.test_short_jobs import export_newest

pytestmark = pytest.mark.usefixtures("real_worker")


def test_the_real_engine_takes_an_encoder_over(bench: Bench) -> None:
    dataset = bench.dataset("\f".join(pydoc_data.topics.topics.values()).encode()[:200_000])
    small = {
        "dataset": dataset,
        "model": {"layers": 1, "hidden_size": 32, "heads": 2},
        "data": {"tokenizer": {"vocabulary_size": 512}},
        "training": {"steps": 30, "batch_size": 4, "sequence_length": 32},
    }
    first = bench.submit("spans", **small, task={"kind": "masked_lm", "masking": "span"})
    assert bench.await_state(first, "succeeded", "failed").state == "succeeded"
    with read(bench.database) as session:
        checkpoint = session.query(Checkpoint).filter_by(job_id=first, step=30).one().id
    start = {"checkpoint": checkpoint, "scope": "encoder"}
    task = {"kind": "masked_lm", "feature_reconstruction": {}}
    child = bench.submit("features", **small, start=start, task=task)
    job = bench.await_state(child, "succeeded", "failed")
    assert job.state == "succeeded", job.failure
    assert bench.attempt(child, 1).start_step == 0
    assert bench.points(child)[30] > 0


def test_the_real_engine_reads_other_text_with_the_tokenizer_of_the_checkpoint(bench: Bench) -> None:
    text = "\f".join(pydoc_data.topics.topics.values())
    small = {
        "model": {"layers": 1, "hidden_size": 32, "heads": 2},
        "training": {"steps": 20, "batch_size": 4, "sequence_length": 32},
    }
    data = {"tokenizer": {"vocabulary_size": 512}}
    other = bench.dataset(text.upper().encode()[:200_000])
    first = bench.submit("first", **small, data=data, dataset=bench.dataset(text.encode()[:200_000]))
    assert bench.await_state(first, "succeeded", "failed").state == "succeeded"
    with read(bench.database) as session:
        checkpoint = session.query(Checkpoint).filter_by(job_id=first, step=20).one().id
    start = {"checkpoint": checkpoint, "scope": "encoder"}
    spec = {"name": "second", "dataset": other, "task": {"kind": "masked_lm"}, **small, "start": start}
    with write(bench.database) as session:
        asked = short_jobs.create_from_spec(
            session, ESTIMATE, bench.project, validate(spec), EstimateOptions()
        )
    estimate = bench.await_state(asked.id, "succeeded", "failed")
    child = bench.submit("second", **small, dataset=other, start=start)
    job = bench.await_state(child, "succeeded", "failed")
    assert estimate.state == "succeeded", estimate.failure
    assert job.state == "succeeded", job.failure
    assert job.spec["data"]["tokenizer"]["kind"] == "checkpoint"
    with read(bench.database) as session:
        own, before = (
            {
                file["path"]: file["sha256"]
                for file in session.query(Checkpoint).filter_by(job_id=one, step=20).one().manifest["files"]
            }
            for one in (child, first)
        )
    assert own["trainer/tokenizer/tokenizer.json"] == before["tokenizer.json"]


def upload_model(bench: Bench, directory: Path) -> str:
    """The id of the checkpoint of a directory, taken in as the API would have."""
    with write(bench.database) as session:
        upload = uploads.create(session, bench.project, CheckpointUploadIn(name="somebody's"))
        checkpoint = uploads.checkpoint_id(upload)
    for name, report in reports_of(directory).items():
        with bench.storage.stage() as stage:
            stage.write([(directory / name).read_bytes()])
            UploadFile(bench.project, checkpoint, name).keep(bench.database, bench.storage, stage, report)
    with write(bench.database) as session:
        return uploads.complete(session, bench.storage, bench.project, checkpoint).id


@pytest.mark.parametrize(("name", "kind"), [("bert", "masked_lm"), ("llama untied", "causal_lm")])
def test_the_real_engine_goes_on_with_somebody_elses_model(
    bench: Bench, name: str, kind: str, tmp_path: Path
) -> None:
    saved(name, tmp_path)
    checkpoint = upload_model(bench, tmp_path)
    dataset = bench.dataset(
        b"\f".join(b"the cat sat on the red mat and then ran %d\n" % n for n in range(500))
    )
    training = {"steps": 6, "batch_size": 4, "sequence_length": 24, "checkpoint_every": 3}
    children = {
        scope: bench.submit(
            "on",
            dataset=dataset,
            task={"kind": kind},
            model=None,
            training=training,
            start={"checkpoint": checkpoint, "scope": scope},
        )
        for scope in ("all", "encoder")
    }
    jobs = {scope: bench.await_state(child, "succeeded", "failed") for scope, child in children.items()}
    exported = export_newest(bench, children["all"])
    for scope, job in jobs.items():
        assert job.state == "succeeded", (scope, job.failure)
        assert bench.attempt(job.id, 1).start_step == 0
    assert exported.state == "succeeded", exported.failure
    with read(bench.database) as session:
        (newest, *_) = (
            session.query(Checkpoint).filter_by(job_id=children["all"]).order_by(Checkpoint.step.desc())
        )
        config = json.loads(b"".join(bench.storage.chunks(f"{newest.prefix}/config.json")))
    before = json.loads((tmp_path / "config.json").read_text())
    assert {**config, "transformers_version": ""} == {**before, "transformers_version": ""}
