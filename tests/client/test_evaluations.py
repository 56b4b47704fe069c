"""Evaluations: the SDK and the ``seedbed`` command against the real service."""

import re

import pytest
import seedbed

from control.db import read
from control.jobs import service as jobs
from control.lifecycle.models import Job
from tests.api.test_evaluations import RESULT
from tests.client.conftest import Trainer
from tests.client.test_cli import Command, environ, run
from tests.client.test_short_jobs import checkpoint, worker

__all__ = ["checkpoint", "environ", "run"]


def test_an_evaluation_is_created_awaited_listed_and_deleted(
    client: seedbed.Client, checkpoint: str, dataset: str, trainer: Trainer
) -> None:
    asked = client.evaluations.create(
        checkpoint, dataset=dataset, split="all", probes=False, resamples=200, seed=3
    )
    assert (asked.checkpoint, asked.dataset, asked.split, asked.probes) == (checkpoint, dataset, "all", False)
    with read(trainer.service.engine) as session:
        options = session.get_one(Job, asked.id).options
    assert (options["resamples"], options["seed"], options["level"]) == (200, 3, 0.95)
    again = client.evaluations.create(
        checkpoint, dataset=dataset, split="all", probes=False, resamples=200, seed=3
    )
    assert again.id == asked.id, "the same is not measured twice"
    with worker(trainer, jobs.Completed(result=RESULT)):
        done = client.evaluations.wait(asked.id)
    assert done.state == "succeeded"
    assert done.result
    measure = done.result.measure("bits_per_byte")
    assert (measure.value, measure.low, measure.high, measure.better) == (1.5, 1.0, 2.0, "lower")
    assert measure.difference
    assert measure.difference.low is None
    assert measure.mcnemar
    assert measure.mcnemar.only_second == 2
    with pytest.raises(KeyError, match="accuracy"):
        done.result.measure("accuracy")
    assert [one.id for one in client.evaluations.list(done.job)] == [done.id]
    assert client.evaluations.get(done.id).result == done.result
    client.evaluations.delete(done.id)
    assert client.evaluations.list(done.job) == []


def test_what_cannot_be_evaluated_is_told_with_its_field(
    client: seedbed.Client, checkpoint: str, trainer: Trainer
) -> None:
    missing = "ckpt_" + "0" * 26
    with pytest.raises(seedbed.SeedbedError) as refused:
        client.evaluations.create(missing)
    assert refused.value.code == "checkpoint_not_found"
    with pytest.raises(seedbed.Invalid) as wrong:
        client.evaluations.create(checkpoint, split="some")
    assert wrong.value.param == "split"


def test_an_evaluation_is_cancelled(client: seedbed.Client, checkpoint: str, trainer: Trainer) -> None:
    asked = client.evaluations.create(checkpoint)
    assert client.evaluations.cancel(asked.id).state == "cancelled"
    assert client.evaluations.wait(asked.id).result is None


def test_the_command_evaluates_and_prints_each_measure_with_its_interval(
    run: Command, checkpoint: str, trainer: Trainer
) -> None:
    with worker(trainer, jobs.Completed(result=RESULT)):
        done = run("evaluation", "create", checkpoint, "--split", "all", "--no-probes")
    assert done.code == 0, done.err
    assert re.search(r"Bits per byte.* 1\.5.*1\.?0* to 2", done.out.replace("\n", " "))
    assert "Every token once." in done.err
    assert "95 % bootstrap, 1,000 resamples" in done.err

    asked = run("evaluation", "create", checkpoint, "--split", "train", "--no-wait")
    assert asked.code == 0, asked.err
    number = asked.out.strip()
    assert number.startswith("eval_")
    assert "queued" in run("evaluation", "show", number).err
    assert run("evaluation", "cancel", number).code == 0
    assert "cancelled" in run("evaluation", "show", number).err

    shown = run("evaluation", "show", number, "--json").json
    assert (shown["state"], shown["split"]) == ("cancelled", "train")
    listed = run("evaluation", "list", shown["job"])
    assert listed.code == 0, listed.err
    assert "train" in listed.out
    assert len(run("evaluation", "list", shown["job"], "--json").json) == 2
    assert run("evaluation", "delete", number, "--yes").code == 0
    assert number not in {one["id"] for one in run("evaluation", "list", shown["job"], "--json").json}


def test_the_command_compares_two_checkpoints_and_takes_a_job_for_its_newest(
    run: Command, client: seedbed.Client, checkpoint: str, trainer: Trainer
) -> None:
    job = client.checkpoints.get(checkpoint).job
    with worker(trainer, jobs.Completed(result=RESULT)):
        done = run("evaluation", "create", job, "--json")
    assert done.code == 0, done.err
    assert done.json["checkpoint"] == checkpoint
    assert done.json["result"]["sections"][0]["measures"][0]["difference"]["value"] == 0.0


def test_the_command_says_why_an_evaluation_failed(run: Command, checkpoint: str, trainer: Trainer) -> None:
    failed = jobs.Failed(
        "checkpoint_mismatch", "The checkpoint knows none of the dataset's classes.", "Rename the classes."
    )
    with worker(trainer, failed):
        done = run("evaluation", "create", checkpoint)
    assert done.code == 5
    assert "none of the dataset's classes" in done.err
    assert done.out == ""
