"""``seedbed job watch`` and ``submit --watch`` against the real service."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import seedbed

from control.jobs import service as jobs
from tests.client.conftest import Trainer
from tests.client.faulty_proxy import Fault, FaultyProxy
from tests.client.test_cli import Command, environ, job_file, run

__all__ = ["environ", "job_file", "run"]


@pytest.mark.parametrize(
    ("result", "code", "said"),
    [
        (jobs.Completed(), 0, "succeeded"),
        (
            jobs.Failed("non_finite_loss", "The loss is NaN.", "Lower the learning rate."),
            5,
            "The loss is NaN.",
        ),
        (None, 6, "cancelled"),
    ],
)
def test_the_exit_code_of_a_watch_is_that_of_the_job(
    run: Command,
    client: seedbed.Client,
    trainer: Trainer,
    job: str,
    result: jobs.Result | None,
    code: int,
    said: str,
) -> None:
    trainer.measure(1, eval_loss=5.0)
    trainer.checkpoint(1, {"config.json": b"{}"})
    if result is None:
        client.jobs.cancel(job)
    trainer.finish(result or jobs.Stopped(75))
    ran = run("job", "watch", job)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "evaluation at step 1: " in ran.err
    told = run("job", "watch", job, "--json")
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert told.code == code
    assert {line["event"] for line in lines} == {"job", "metrics", "event", "checkpoint", "end"}
    assert lines[-1]["data"]["state"] == {0: "succeeded", 5: "failed", 6: "cancelled"}[code]


def test_submit_can_watch_the_job(run: Command, trainer: Trainer, job_file: Path) -> None:
    def train() -> None:
        while True:
            try:
                trainer.claim()
            except AssertionError:
                continue
            break
        trainer.measure(1)
        trainer.finish()

    training = threading.Thread(target=train)
    training.start()
    ran = run("job", "submit", "-f", job_file, "--watch")
    training.join()
    assert (ran.code, ran.out.strip()) == (0, trainer.job)


def test_interrupting_a_watch_does_not_stop_the_job(
    environ: dict[str, str], client: seedbed.Client, trainer: Trainer, job: str
) -> None:
    trainer.measure(1, eval_loss=5.0)
    with _command(environ, "job", "watch", job) as watching:
        assert watching.stderr
        for line in watching.stderr:
            if "evaluation at step 1" in line:
                break
        watching.send_signal(signal.SIGINT)
        rest = watching.stderr.read()
        assert watching.wait() == 130
    assert "the job runs on" in rest
    assert "Traceback" not in rest
    assert client.jobs.get(job).state == "running"


def test_on_a_terminal_there_is_a_bar_and_standard_output_stays_clean(
    environ: dict[str, str], trainer: Trainer, job: str
) -> None:
    trainer.measure(1)
    terminal, side = os.openpty()
    with _command(environ, "job", "watch", job, stderr=side) as watching:
        os.close(side)
        shown = b""
        while b"1/100" not in shown or b"loss 7.99" not in shown:
            shown += os.read(terminal, 65536)
        trainer.measure(2)
        trainer.finish()
        with contextlib.suppress(OSError):  # how the end of a terminal is reported
            while True:
                shown += os.read(terminal, 65536)
        assert watching.stdout
        assert watching.stdout.read() == ""
        assert watching.wait() == 0
    os.close(terminal)
    assert b"succeeded" in shown


def _command(
    environ: dict[str, str], *arguments: str, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from seedbed.cli import run; run()", *arguments],
        env={**environ, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def test_a_watch_survives_a_restart_of_the_service(
    run: Command, proxy: FaultyProxy, trainer: Trainer, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_URL", proxy.url)
    trainer.measure(*range(1, 30))
    trainer.finish()
    proxy.troubles.append(Fault(on=b"/stream", cut_after=2500))
    ran = run("job", "watch", job)
    assert ran.code == 0
    assert ran.err.count("Connection lost") == 1
