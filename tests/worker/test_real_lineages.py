"""A lineage of four stages with workers killed again and again, real engine: in a module of its own, whose bench has no worker of the scripted engine."""

import pydoc_data.topics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from control.broker import broker
from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.lifecycle.models import Event, Job
from control.lineages import service
from control.lineages.models import LineageStage
from control.lineages.presenters import lineage_out
from control.lineages.schemas import PlannedLineageIn, PlannedLineageOut
from control.maintenance.service import Maintenance
from tests.worker.conftest import Bench, eventually

SPEC: dict[str, Any] = {
    "name": "four",
    "task": {"kind": "masked_lm"},
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 512}},
    "training": {
        "steps": 60,
        "batch_size": 4,
        "sequence_length": 32,
        "checkpoint_every": 20,
        "evaluate_every": 30,
    },
    "resources": {"max_retries": 20},
    "continual": {},
}
STAGES = 4
PATIENCE = 300.0
"""Seconds for a worker to start and to train a little, on a machine that does other work, too."""


def shown(bench: Bench, lineage: str) -> PlannedLineageOut:
    with read(bench.database) as session:
        return lineage_out(session, service.get(session, bench.project, lineage), "eval/loss")


def progress(bench: Bench) -> int:
    """Number of stages and checkpoints so far."""
    with read(bench.database) as session:
        return session.query(Job).count() + session.query(Checkpoint).count()


@contextmanager
def leaders(bench: Bench) -> Iterator[None]:
    """Two leaders at once that know nothing of each other: each round begins as that of an API process that has just been started
    in place of a killed one."""
    stop = threading.Event()

    def lead() -> None:
        while not stop.is_set():
            one = Maintenance(bench.database, broker(), bench.storage, bench.settings)
            one.advance_lineages()
            one.expire_leases()
            one.dispatch()
            stop.wait(0.2)

    threads = [threading.Thread(target=lead) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_four_stages_end_whole_while_workers_are_killed(bench: Bench) -> None:
    topics = list(pydoc_data.topics.topics.values())
    parts = ["\f".join(topics[number::STAGES]).encode()[:60_000] for number in range(STAGES)]
    datasets = [bench.dataset(part) for part in parts]
    with write(bench.database) as session:
        body = PlannedLineageIn(spec=SPEC, datasets=datasets)
        lineage = service.plan(session, bench.project, body, by_admin=True).id
    kills = 0
    with leaders(bench):
        while shown(bench, lineage).state == "running":
            before = progress(bench)
            with bench.worker(engine="core"):
                # Each worker is killed after some progress, wherever it is then: so the test ends on a slow machine, too.
                eventually(
                    lambda before=before: (
                        shown(bench, lineage).state != "running" or progress(bench) >= before + 3
                    ),
                    "progress",
                    seconds=PATIENCE,
                )
            kills += 1
    found = shown(bench, lineage)
    assert found.state == "succeeded", found.stop
    assert kills >= 3
    jobs = [stage.job for stage in found.stages]
    with read(bench.database) as session:
        assert session.query(Job).filter_by(purpose="train").count() == STAGES, "no stage twice"
        assert session.query(LineageStage).filter_by(lineage_id=lineage).count() == STAGES
        for position, job_id in enumerate(jobs):
            job = session.get_one(Job, job_id)
            assert job.step == 60
            assert job.dataset_id == datasets[position]
            ended = session.query(Event).filter_by(job_id=job_id, type="succeeded").count()
            assert ended == 1
            if position:
                ancestors = [one["job"] for one in job.spec["continual"]["ancestors"]]
                assert ancestors == jobs[:position]
    assert found.forgetting is not None
    matrix = found.forgetting.matrix
    assert [
        [value is not None for value in row[: row_number + 2]] for row_number, row in enumerate(matrix)
    ] == [[True] * min(row_number + 2, STAGES) for row_number in range(STAGES)]
    assert found.forgetting.after == jobs[-1]
