"""The real engine behind a real worker, once."""

import pydoc_data.topics
from pathlib import Path

from control.checkpoints.models import Checkpoint
from control.db import read
from core.checkpoints.manifest import verify
from tests.worker.conftest import Bench, await_gone
from worker.staging import stage_checkpoint


def test_a_model_is_trained_through_a_kill_and_its_checkpoint_is_whole(bench: Bench, tmp_path: Path) -> None:
    text = "\f".join(pydoc_data.topics.topics.values()).encode()[:200_000]
    dataset = bench.dataset(text)
    with bench.worker(engine="core") as worker:
        job_id = bench.submit(
            "real",
            dataset=dataset,
            model={"layers": 1, "hidden_size": 32, "heads": 2},
            data={"tokenizer": {"vocabulary_size": 512}},
            training={"steps": 30, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 5},
        )
        bench.await_checkpoint(job_id, 5)
        engine = worker.engine
        engine.kill()
        await_gone([engine])
        bench.await_state(job_id, "succeeded", "failed")

    job = bench.job(job_id)
    assert job.state == "succeeded", job.failure
    assert sorted(bench.points(job_id)) == list(range(1, 31))
    assert bench.events(job_id).count("decision") == 1, "precision auto is decided once a job"
    assert bench.points(job_id, "eval/loss").keys() == {30}
    with read(bench.database) as session:
        newest = session.query(Checkpoint).filter_by(job_id=job_id, step=30).one()
    stage_checkpoint(
        bench.storage, newest.prefix, newest.manifest, tmp_path / "copy", abort_check=lambda: None
    )
    assert verify(tmp_path / "copy").step == 30
    assert (tmp_path / "copy" / "model.safetensors").exists()
