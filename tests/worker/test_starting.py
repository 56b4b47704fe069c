"""A job that starts from another one's checkpoint, through the worker: what the engine gets in each attempt."""

import pytest

from control.checkpoints.models import Checkpoint
from control.db import read, write
from control.lifecycle.models import Job
from tests.worker.conftest import Bench, Tree
from tests.worker.scripted_engine import loss_at


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
