"""Jobs through the SDK."""

from pathlib import Path

import pytest
import seedbed
import yaml

from control.jobs import service as jobs
from tests.client.conftest import SPEC, Trainer


def test_a_spec_is_validated_without_being_submitted(client: seedbed.Client, dataset: str) -> None:
    answer = client.jobs.validate(SPEC, dataset=dataset)
    assert answer.valid
    assert answer.spec
    assert answer.spec["training"]["optimizer"]["kind"] == "adamw", "defaults are written out"
    assert answer.parameters
    assert answer.parameters > 1_000_000
    wrong = client.jobs.validate(SPEC | {"tusk": 1}, dataset=dataset)
    assert not wrong.valid
    assert [(error.param, error.suggestion) for error in wrong.errors] == [("tusk", "task")]
    assert list(client.jobs.list()) == []


def test_a_job_is_submitted_from_a_file(client: seedbed.Client, dataset: str, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(SPEC))
    job = client.jobs.submit(tmp_path / "job.yaml", dataset=dataset)
    assert (job.state, job.name, job.dataset) == ("queued", SPEC["name"], dataset)
    assert client.jobs.get(job.id) == job


def test_lists_are_filtered(client: seedbed.Client, dataset: str, job: str) -> None:
    waiting = client.jobs.submit(SPEC | {"name": "another"}, dataset=dataset).id
    assert [found.id for found in client.jobs.list()] == [waiting, job]
    assert [found.id for found in client.jobs.list(page_size=1)] == [waiting, job]
    assert [found.id for found in client.jobs.list(state="running")] == [job]
    assert [found.id for found in client.jobs.list(state=["running", "queued"])] == [waiting, job]
    assert [found.id for found in client.jobs.list(name="another")] == [waiting]
    assert list(client.jobs.list(dataset="ds_00000000000000000000000000")) == []


def test_a_job_is_paused_resumed_and_cancelled_by_the_sdk(
    client: seedbed.Client, trainer: Trainer, job: str
) -> None:
    assert client.jobs.pause(job).intent == "pause"
    trainer.finish(jobs.Stopped(75))
    assert client.jobs.get(job).state == "paused"
    assert client.jobs.resume(job).state == "queued"
    assert client.jobs.cancel(job).state == "cancelled"
    with pytest.raises(seedbed.Conflict) as caught:
        client.jobs.pause(job)
    assert caught.value.code == "invalid_transition"
    assert client.jobs.retry(job).state == "queued"


def test_a_fork_has_its_parent(client: seedbed.Client, trainer: Trainer, job: str) -> None:
    trainer.measure(1)
    checkpoint = trainer.checkpoint(1, {"config.json": b"{}"})
    forked = client.jobs.fork(job, changes={"name": "longer", "training": {"steps": 200}})
    assert forked.parent
    assert (forked.parent.job, forked.parent.checkpoint) == (job, checkpoint.id)
    assert (forked.spec["training"]["steps"], forked.spec["training"]["batch_size"]) == (200, 8)
    named = client.jobs.fork(job, checkpoint=checkpoint.id)
    lineage = client.jobs.lineage(job)
    assert lineage.ancestors == []
    assert {node.id for node in lineage.descendants} == {forked.id, named.id}
    assert [node.id for node in client.jobs.lineage(forked.id).ancestors] == [job]


def test_an_encoder_goes_into_another_task(
    client: seedbed.Client, trainer: Trainer, dataset: str, job: str
) -> None:
    checkpoint = trainer.checkpoint(1, {"config.json": b"{}"}).id
    other = SPEC | {"task": {"kind": "token_detection"}}
    refused = client.jobs.validate(other, dataset=dataset, start=checkpoint)
    assert not refused.valid
    assert "task.kind" in {error.param for error in refused.errors}
    spans = SPEC | {"task": {"kind": "masked_lm", "masking": "span"}}
    assert client.jobs.validate(spans, dataset=dataset, start=checkpoint, scope="encoder").valid
    started = client.jobs.submit(spans, dataset=dataset, start=checkpoint, scope="encoder")
    assert started.parent
    assert (started.parent.job, started.parent.checkpoint, started.parent.scope) == (
        job,
        checkpoint,
        "encoder",
    )
    assert client.jobs.get(started.id).spec["start"] == {"checkpoint": checkpoint, "scope": "encoder"}


def test_metrics_are_read_as_series_and_since_a_cursor(
    client: seedbed.Client, trainer: Trainer, job: str
) -> None:
    trainer.measure(1, 2, 3)
    series = client.jobs.metrics(job, ["train/loss"]).series
    assert list(series) == ["train/loss"]
    assert (series["train/loss"].steps, series["train/loss"].values) == ([1, 2, 3], [7.99, 7.98, 7.97])
    first = client.jobs.metrics_since(job)
    assert set(first.series) == {"train/loss", "train/tokens_per_s"}
    trainer.measure(4)
    second = client.jobs.metrics_since(job, first.next, ["train/loss"])
    assert second.series["train/loss"].steps == [4]
    within = client.jobs.metrics(job, ["train/loss"], from_step=2, to_step=3)
    assert within.series["train/loss"].steps == [2, 3]
    bucketed = client.jobs.metrics(job, ["train/loss"], max_points=2).series["train/loss"]
    assert bucketed.max
    assert bucketed.max[0] == 7.99


def test_events_are_read_in_order(
    client: seedbed.Client, trainer: Trainer, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seedbed.paging.PAGE_SIZE", 1)
    trainer.finish()
    events = list(client.jobs.events(job))
    assert len(events) >= 3
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert list(client.jobs.events(job, after=events[0].id)) == events[1:]


def test_the_last_lines_and_the_whole_log_are_read(
    client: seedbed.Client, trainer: Trainer, job: str
) -> None:
    text = "".join(f"line {number}\n" for number in range(50_000))
    trainer.log(text)
    log = client.jobs.logs(job)
    assert (log.text, log.attempt, log.complete) == ("line 49999\n", 1, True)
    assert "".join(client.jobs.full_log(job, attempt=1)) == text
    with pytest.raises(seedbed.NotFound):
        list(client.jobs.full_log(job, attempt=2))


def test_workers_are_listed(client: seedbed.Client, trainer: Trainer, job: str) -> None:
    (worker,) = client.workers.list()
    assert (worker.id, worker.state, worker.job) == (trainer.worker, "busy", job)
