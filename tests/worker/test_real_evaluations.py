"""An evaluation by the real engine, through Celery and the supervisor."""

import pydoc_data.topics
from pathlib import Path

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.evaluation import KIND, EvaluationIn, EvaluationOut
from control.short_jobs.presenters import short_job_out
from core.spec.problems import validate
from tests.core.image_jobs import image_job, striped_images
from tests.worker.conftest import Bench

SMALL = {
    "model": {"preset": "gpt2-mini", "layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 512}},
    "training": {"steps": 30, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 3},
}


def _evaluated(bench: Bench, **asked: object) -> EvaluationOut:
    with write(bench.database) as session:
        row = short_jobs.create_from_checkpoint_and_data(
            session, KIND, bench.project, EvaluationIn.model_validate(asked)
        )
    bench.await_state(row.id, "succeeded", "failed")
    with read(bench.database) as session:
        out = short_job_out(session, KIND, session.get_one(Job, row.id))
    assert out.state == "succeeded", out.failure
    assert out.result
    return out


def _checkpoints(bench: Bench, job_id: str) -> list[str]:
    with read(bench.database) as session:
        rows = session.query(Checkpoint).filter_by(job_id=job_id, deleted_at=None).order_by(Checkpoint.step)
        return [row.id for row in rows]


def test_the_real_engine_evaluates_and_compares(bench: Bench, tmp_path: Path) -> None:
    topics = list(pydoc_data.topics.topics.values())
    dataset = bench.dataset("\f".join(topics[:30]).encode())
    other = bench.dataset("\f".join(topics[30:40]).encode())
    document = image_job("masked_autoencoder", data={"held_out_fraction": 0.5})
    document["dataset"] = bench.images(striped_images(tmp_path / "images.zip").read_bytes(), 96)
    with bench.worker(engine="core"):
        job_id = bench.submit("real", dataset=dataset, task={"kind": "causal_lm"}, **SMALL)
        assert bench.await_state(job_id, "succeeded", "failed").state == "succeeded"
        first, *_, last = _checkpoints(bench, job_id)
        done = _evaluated(bench, checkpoint=last, against=first, dataset=other, split="all")
        assert done.result
        language = done.result.sections[0]
        assert (language.name, language.paired) == ("language", True)
        bits = {measure.name: measure for measure in language.measures}["bits_per_byte"]
        assert bits.difference
        assert bits.difference.high is not None
        assert bits.difference.high < 0, "thirty steps are better than three"

        own = _evaluated(bench, checkpoint=last)
        assert own.dataset == dataset

        with write(bench.database) as session:
            pictures = jobs.submit(session, bench.project, validate(document)).id
        assert bench.await_state(pictures, "succeeded", "failed").state == "succeeded"
        probed = _evaluated(bench, checkpoint=_checkpoints(bench, pictures)[-1])
        assert probed.result
        sections = {section.name: section for section in probed.result.sections}
        assert set(sections) == {"task", "probes"}
        assert all(0 <= (measure.low or 0) <= 1 for measure in sections["probes"].measures)
