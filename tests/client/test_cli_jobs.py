"""``seedbed job`` against the real service."""

import json
import re
from pathlib import Path

import pytest
import yaml

from control.jobs import service as jobs
from tests.client.conftest import Trainer
from tests.client.test_cli import Command, environ, job_file, run

__all__ = ["environ", "job_file", "run"]


def test_a_job_is_validated_submitted_and_shown(run: Command, job_file: Path) -> None:
    checked = run("job", "validate", "-f", job_file)
    assert checked.code == 0
    assert "parameters" in checked.out
    submitted = run("job", "submit", "-f", job_file, "--set", "training.steps=123", "--set", "name=mine")
    assert submitted.code == 0
    job = submitted.out.strip()
    shown = run("job", "show", job, "--json").json
    assert (shown["id"], shown["name"], shown["spec"]["training"]["steps"]) == (job, "mine", 123)
    text = run("job", "show", job).out
    assert "0 of 123 (0%)" in text
    assert yaml.safe_load(text.partition("\n\n")[2])["name"] == "mine"
    assert [found["id"] for found in run("job", "list", "--state", "queued", "--json").json] == [job]
    assert run("job", "list", "--state", "failed", "--json").json == []
    assert "mine" in run("job", "list").out
    assert run("job", "cancel", job).code == 0
    again = run("job", "pause", job)
    assert again.code == 1
    assert again.err.startswith("error: ")


def test_errors_of_a_job_file_name_their_lines(run: Command, job_file: Path) -> None:
    text = job_file.read_text().replace("steps: 100", "stepz: 100").replace("bert-tiny", "bert-tinny")
    job_file.write_text(text)
    lines = text.splitlines()
    ran = run("job", "submit", "-f", job_file)
    assert (ran.code, ran.out) == (3, "")
    stepz = lines.index("  stepz: 100") + 1
    assert re.search(rf"job\.yaml:{stepz}: training\.stepz: .*did you mean 'steps'", ran.err)
    assert re.search(rf"job\.yaml:{lines.index('training:') + 1}: training\.steps: .*required", ran.err)
    assert re.search(r"model\.preset: .*did you mean 'bert-tiny'", ran.err)
    checked = run("job", "validate", "-f", job_file)
    assert (checked.code, checked.out) == (3, "")
    assert "did you mean 'steps'" in checked.err
    told = run("job", "validate", "-f", job_file, "--json")
    assert told.code == 3
    assert {"training.stepz", "model.preset"} <= {error["param"] for error in told.json["errors"]}
    told = run("job", "submit", "-f", job_file, "--json")
    assert {"training.stepz"} <= {error["param"] for error in json.loads(told.err)["error"]["errors"]}


def test_a_job_is_paused_resumed_and_cancelled(run: Command, trainer: Trainer, job: str) -> None:
    assert "pause was asked for" in run("job", "pause", job).err
    trainer.checkpoint(1, {"config.json": b"{}"})
    trainer.finish(jobs.Stopped(75))
    assert run("job", "resume", job, "--json").json["state"] == "queued"
    run("job", "cancel", job)
    assert run("job", "retry", job, "--json").json["state"] == "queued"
    forked = run("job", "fork", job, "--set", "training.steps=200").out.strip()
    assert run("job", "show", forked, "--json").json["parent"]["job"] == job
    assert forked in run("job", "lineage", job).out
    assert run("job", "lineage", forked, "--json").json["ancestors"][0]["id"] == job


def test_a_job_starts_with_the_encoder_of_another(
    run: Command, trainer: Trainer, job: str, job_file: Path
) -> None:
    checkpoint = trainer.checkpoint(1, {"config.json": b"{}"}).id
    nowhere = "ckpt_" + "0" * 26
    refused = run("job", "submit", "-f", job_file, "--start", nowhere, "--scope", "encoder")
    assert refused.code == 1
    assert f"no checkpoint {nowhere}" in refused.err
    wrong = run("job", "validate", "-f", job_file, "--start", checkpoint, "--scope", "half")
    assert wrong.code == 3
    assert "start.scope: 'half' is not one of all, weights, encoder" in wrong.err
    without = run("job", "submit", "-f", job_file, "--scope", "encoder")
    assert "name the checkpoint to start from" in without.err.lower()
    start = ("--start", checkpoint, "--scope", "encoder")
    assert run("job", "validate", "-f", job_file, *start).code == 0
    started = run("job", "submit", "-f", job_file, *start).out.strip()
    shown = run("job", "show", started, "--json").json["parent"]
    assert (shown["job"], shown["checkpoint"], shown["scope"]) == (job, checkpoint, "encoder")
    assert f"encoder of {checkpoint}" in run("job", "show", started).out
    assert f"encoder of {checkpoint}" in run("job", "lineage", job).out
    forked = run("job", "fork", job, "--scope", "encoder").out.strip()
    shown = run("job", "show", forked, "--json").json["parent"]
    assert (shown["job"], shown["scope"]) == (job, "encoder")


@pytest.mark.parametrize("command", ["submit", "validate", "estimate", "preview"])
def test_every_command_with_a_spec_takes_a_start(
    run: Command, trainer: Trainer, job: str, job_file: Path, command: str
) -> None:
    checkpoint = trainer.checkpoint(1, {"config.json": b"{}"}).id
    wrong = run("job", command, "-f", job_file, "--start", checkpoint, "--scope", "half")
    assert wrong.code == 3
    assert "start.scope: 'half' is not one of all, weights, encoder" in wrong.err


def test_the_history_of_a_job_is_printed(run: Command, trainer: Trainer, job: str) -> None:
    trainer.measure(1, 2)
    trainer.log("first line\nthis is the last one\n")
    assert (
        run("job", "metrics", job, "--name", "train/loss").out == "train/loss\t1\t7.99\ntrain/loss\t2\t7.98\n"
    )
    assert run("job", "metrics", job, "--json").json["series"]["train/loss"]["steps"] == [1, 2]
    assert run("job", "logs", job).out == "this is the last one\n"
    assert run("job", "logs", job, "--full").out == "first line\nthis is the last one\n"
    assert run("job", "logs", job, "--json").json["attempt"] == 1
    events = run("job", "events", job).out.splitlines()
    told = [json.loads(line) for line in run("job", "events", job, "--json").out.splitlines()]
    assert [line.endswith(event["message"]) for line, event in zip(events, told, strict=True)] == [
        True
    ] * len(told)
    later = run("job", "events", job, "--json", "--after", str(told[0]["id"])).out.splitlines()
    assert len(later) == len(told) - 1
