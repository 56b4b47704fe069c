"""An evaluation by the real engine, through Celery and the supervisor."""

import contextlib
import pydoc_data.topics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.evaluation import KIND, EvaluationIn, EvaluationOut
from control.short_jobs.presenters import short_job_out
from core.spec.problems import validate
from tests.core.image_jobs import image_job, striped_images
from tests.worker.conftest import Bench, Tree, eventually

TOPICS = list(pydoc_data.topics.topics.values())
SMALL = {
    "model": {"preset": "gpt2-mini", "layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 512}},
    "training": {"steps": 30, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 3},
}


def _asked(bench: Bench, **asked: object) -> str:
    with write(bench.database) as session:
        return short_jobs.create_from_checkpoint_and_data(
            session, KIND, bench.project, EvaluationIn.model_validate(asked)
        ).id


def _evaluated(bench: Bench, **asked: object) -> EvaluationOut:
    return _result(bench, _asked(bench, **asked))


def _result(bench: Bench, evaluation: str) -> EvaluationOut:
    bench.await_state(evaluation, "succeeded", "failed")
    with read(bench.database) as session:
        out = short_job_out(session, KIND, session.get_one(Job, evaluation))
    assert out.state == "succeeded", out.failure
    assert out.result
    return out


def _checkpoints(bench: Bench, job_id: str) -> list[str]:
    with read(bench.database) as session:
        rows = session.query(Checkpoint).filter_by(job_id=job_id, deleted_at=None).order_by(Checkpoint.step)
        return [row.id for row in rows]


@dataclass
class Trained:
    """A worker, and a small text model that it trained."""

    worker: Tree
    dataset: str
    first: str
    """Checkpoint of step 3."""
    last: str
    """Checkpoint of step 30."""


@pytest.fixture(scope="module")
def trained(bench: Bench) -> Iterator[Trained]:
    dataset = bench.dataset("\f".join(TOPICS[:30]).encode())
    with bench.worker(engine="core") as worker:
        job_id = bench.submit("real", dataset=dataset, task={"kind": "causal_lm"}, **SMALL)
        assert bench.await_state(job_id, "succeeded", "failed").state == "succeeded"
        first, *_, last = _checkpoints(bench, job_id)
        yield Trained(worker, dataset, first, last)


def test_the_real_engine_evaluates_and_compares(bench: Bench, trained: Trained) -> None:
    other = bench.dataset("\f".join(TOPICS[30:40]).encode())
    done = _evaluated(bench, checkpoint=trained.last, against=trained.first, dataset=other, split="all")
    assert done.result
    language = done.result.sections[0]
    assert (language.name, language.paired) == ("language", True)
    bits = {measure.name: measure for measure in language.measures}["bits_per_byte"]
    assert bits.difference
    assert bits.difference.high is not None
    assert bits.difference.high < 0, "thirty steps are better than three"


def test_images_are_probed(bench: Bench, trained: Trained, tmp_path: Path) -> None:
    document = image_job("masked_autoencoder", data={"held_out_fraction": 0.5})
    document["dataset"] = bench.images(striped_images(tmp_path / "images.zip").read_bytes(), 96)
    with write(bench.database) as session:
        pictures = jobs.submit(session, bench.project, validate(document)).id
    assert bench.await_state(pictures, "succeeded", "failed").state == "succeeded"
    probed = _evaluated(bench, checkpoint=_checkpoints(bench, pictures)[-1])
    assert probed.result
    sections = {section.name: section for section in probed.result.sections}
    assert set(sections) == {"task", "probes"}
    assert all(0 <= (measure.low or 0) <= 1 for measure in sections["probes"].measures)


def test_a_killed_evaluation_is_repeated_once_and_has_the_same_result(bench: Bench, trained: Trained) -> None:
    undisturbed = _evaluated(bench, checkpoint=trained.last)
    assert undisturbed.dataset == trained.dataset
    with write(bench.database) as session:
        short_jobs.delete(session, bench.storage, KIND, bench.project, undisturbed.id)
    asked = _asked(bench, checkpoint=trained.last)
    engine = eventually(lambda: _engine_of(trained.worker, asked), "the engine of the evaluation")
    engine.kill()
    repeated = _result(bench, asked)
    assert repeated.result == undisturbed.result
    assert bench.attempt(asked, 1).outcome == "crashed"
    assert bench.job(asked).attempt == 2
    assert bench.events(asked).count("succeeded") == 1


def _engine_of(worker: Tree, job_id: str) -> psutil.Process | None:
    """The process that computes a job: its working directory is named after it."""
    for process in worker.main.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if job_id in process.cwd():
                return process
    return None
