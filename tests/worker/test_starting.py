"""A job that starts from another one's checkpoint, through the worker: what the engine gets in each attempt."""

import json
import pydoc_data.topics
from pathlib import Path

import pytest

from control.checkpoints import uploads
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointUploadIn
from control.db import read, write
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from core.spec.problems import validate
from tests.core.published_models import reports_of, saved
from tests.worker.conftest import Bench, Tree
from tests.worker.scripted_engine import loss_at
from tests.worker.test_short_jobs import export_newest


def trained(bench: Bench, **changes: object) -> tuple[str, str, str]:
    """A finished job: its id, its dataset and its last checkpoint."""
    dataset = bench.dataset()
    job_id = bench.submit("engine", dataset=dataset, **changes)
    assert bench.await_state(job_id, "succeeded", "failed").state == "succeeded"
    with read(bench.database) as session:
        return job_id, dataset, session.query(Checkpoint).filter_by(job_id=job_id, step=40).one().id


@pytest.mark.parametrize(("scope", "first_step"), [("all", 40), ("encoder", 0)])
def test_an_attempt_gets_the_checkpoint_that_its_job_starts_from(
    bench: Bench, worker: Tree, scope: str, first_step: int
) -> None:
    _, dataset, checkpoint = trained(bench)
    child = bench.submit(
        "engine die_at=60 once step_seconds=0.02",
        dataset=dataset,
        start={"checkpoint": checkpoint, "scope": scope},
        training={"steps": 80},
    )
    assert bench.await_state(child, "succeeded", "failed").state == "succeeded"
    first = bench.attempt(child, 1)
    assert first.start_step == first_step
    assert "starts from the checkpoint of step 40" in first.log_tail
    assert bench.points(child) == {step: loss_at(step) for step in range(first_step + 1, 81)}
    if scope == "encoder":
        second = bench.attempt(child, 2)
        assert second.start_step is not None
        assert 0 < second.start_step <= 60, "its own checkpoint comes before the one that it started from"
        assert "starts from" not in second.log_tail


def test_every_attempt_without_a_checkpoint_of_its_own_starts_from_the_same_one(
    bench: Bench, worker: Tree
) -> None:
    _, dataset, checkpoint = trained(bench)
    child = bench.submit(
        "engine die_at=45", dataset=dataset, start={"checkpoint": checkpoint}, training={"steps": 80}
    )
    assert bench.await_state(child, "succeeded", "failed").state == "failed"
    assert [bench.attempt(child, number).start_step for number in (1, 2, 3, 4)] == [40] * 4


def test_a_fork_of_an_earlier_version_starts_as_before(bench: Bench) -> None:
    with bench.worker():
        _, dataset, checkpoint = trained(bench)
    child = bench.submit(
        "engine",
        dataset=dataset,
        start={"checkpoint": checkpoint},
        training={"steps": 80},
        data={"tokenizer": {"kind": "bpe"}},
    )
    with write(bench.database) as session:
        job = session.get_one(Job, child)
        job.spec = {name: value for name, value in job.spec.items() if name != "start"}
    with bench.worker():
        assert bench.await_state(child, "succeeded", "failed").state == "succeeded"
    assert bench.attempt(child, 1).start_step == 40


@pytest.mark.parametrize("scope", ["all", "encoder"])
def test_a_start_that_is_damaged_is_no_fresh_start(bench: Bench, worker: Tree, scope: str) -> None:
    parent, dataset, checkpoint = trained(bench)
    damaged = bench.storage.local_path(f"jobs/{parent}/attempt-1/step-40/trainer/state.json")
    assert damaged is not None
    damaged.write_text("{}")
    start = {"checkpoint": checkpoint, "scope": scope}
    child = bench.submit("engine", dataset=dataset, start=start, training={"steps": 80})
    job = bench.await_state(child, "succeeded", "failed")
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure["code"] == "checkpoint_damaged"
    assert "engine_started" not in bench.events(child)


def test_the_real_engine_takes_an_encoder_over(bench: Bench) -> None:
    dataset = bench.dataset("\f".join(pydoc_data.topics.topics.values()).encode()[:200_000])
    small = {
        "dataset": dataset,
        "model": {"layers": 1, "hidden_size": 32, "heads": 2},
        "data": {"tokenizer": {"vocabulary_size": 512}},
        "training": {"steps": 30, "batch_size": 4, "sequence_length": 32},
    }
    with bench.worker(engine="core"):
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
    with bench.worker(engine="core"):
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
            uploads.take_in(
                bench.database,
                bench.storage,
                stage,
                report,
                project_id=bench.project,
                checkpoint=checkpoint,
                name=name,
            )
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
    with bench.worker(engine="core"):
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
