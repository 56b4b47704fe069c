"""Stages that learn one after another, with the real engine: in a module of its own, whose bench has no worker of the scripted engine."""

import pydoc_data.topics
from typing import Any

from control.checkpoints.models import Checkpoint
from control.db import read
from control.lineages.forgetting import continual_out
from control.lineages.models import StageMeasure
from tests.worker.conftest import Bench

SMALL: dict[str, Any] = {
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "training": {
        "steps": 8,
        "batch_size": 4,
        "sequence_length": 32,
        "checkpoint_every": 4,
        "evaluate_every": 4,
    },
}
TOKENIZER = {"data": {"tokenizer": {"vocabulary_size": 512}}}
TEXT = "\f".join(pydoc_data.topics.topics.values())


def last_checkpoint(bench: Bench, job: str) -> str:
    with read(bench.database) as session:
        found = session.query(Checkpoint).filter_by(job_id=job).order_by(Checkpoint.step.desc()).first()
        assert found is not None
        return found.id


def test_stages_measure_each_other_from_files_of_the_same_name(bench: Bench) -> None:
    """The files of the earlier stages are staged beside the job's own, read as their jobs read them, and prepared once."""
    own = {"held_out_fraction": 0.1, "tokenizer": {"vocabulary_size": 512}}
    datasets = [bench.dataset(text.encode()[:120_000]) for text in (TEXT, TEXT.upper(), TEXT[::-1])]
    with bench.worker(engine="core"):
        ids = [bench.submit("first", **SMALL, data=own, dataset=datasets[0])]
        for dataset in datasets[1:]:
            job = bench.await_state(ids[-1], "succeeded", "failed")
            assert job.state == "succeeded", job.failure
            start = {"checkpoint": last_checkpoint(bench, ids[-1]), "scope": "weights"}
            ids.append(bench.submit("next", **SMALL, dataset=dataset, start=start, continual={}))
        job = bench.await_state(ids[-1], "succeeded", "failed")
        assert job.state == "succeeded", job.failure
    assert [one["job"] for one in job.spec["continual"]["ancestors"]] == ids[:2]
    with read(bench.database) as session:
        shown = continual_out(session, bench.job(ids[-1]), "eval/loss").forgetting
        rows = session.query(StageMeasure).filter_by(job_id=ids[-1]).all()
        first = session.query(Checkpoint).filter_by(job_id=ids[0], step=8).one()
    assert {(row.stage, row.moment) for row in rows} == {
        (ids[0], "end"),
        (ids[1], "end"),
        *((ids[2], moment) for moment in ("fresh", "start", "end")),
    }
    missing = [[value is None for value in row] for row in shown.matrix]
    assert missing == [[False, False, True], [False, False, False], [False, False, False]]
    assert shown.matrix[0][0] == first.metrics["eval/loss"]
    assert shown.after == ids[2]
    assert None not in {shown.average, shown.backward_transfer, shown.forward_transfer, shown.forgetting}
    prepared = bench.settings.cache_directory / "prepared"
    # One for each dataset, and the first's once more, with the tokenizer of the checkpoint.
    made = [path for path in prepared.glob("*/*") if path.name == path.parent.name]
    assert len(made) == len(list(prepared.iterdir())) == 4
