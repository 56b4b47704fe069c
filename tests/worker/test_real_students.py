"""Jobs that distil a checkpoint, with the real engine: in a module of its own, whose bench has no worker of the scripted engine."""

import pydoc_data.topics

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from core.spec.problems import validate
from tests.worker.conftest import Bench

SMALL = {"steps": 12, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 6}


def test_the_real_engine_distils_a_teacher_of_other_data_through_a_stop(bench: Bench) -> None:
    text = "\f".join(pydoc_data.topics.topics.values())
    network = {"layers": 2, "hidden_size": 32, "heads": 2}
    with bench.worker(engine="core"):
        first = bench.submit(
            "teacher",
            dataset=bench.dataset(text.encode()[:100_000]),
            model=network,
            data={"tokenizer": {"vocabulary_size": 512}},
            training=SMALL,
        )
        assert bench.await_state(first, "succeeded", "failed").state == "succeeded"
        with read(bench.database) as session:
            teacher = session.query(Checkpoint).filter_by(job_id=first, step=12).one().id
        other = bench.dataset(text.upper().encode()[:100_000])
        distillation = {"teacher": teacher, "student": "every_other", "hidden": {}, "features": {}}
        student = bench.submit("student", dataset=other, model={}, distillation=distillation, training=SMALL)
        with write(bench.database) as session:
            row = {
                "name": "trial",
                "dataset": other,
                "task": {"kind": "masked_lm"},
                "training": SMALL,
                "distillation": distillation,
            }
            estimate = short_jobs.create_from_spec(
                session, ESTIMATE, bench.project, validate(row), EstimateOptions()
            ).id
        job = bench.await_state(student, "succeeded", "failed")
        tried = bench.await_state(estimate, "succeeded", "failed")
    assert job.state == "succeeded", job.failure
    assert bench.points(student)[12] > 0
    assert tried.state == "succeeded", tried.failure
