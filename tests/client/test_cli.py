"""The ``seedbed`` command against the real service."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import seedbed
import soundfile
import yaml
from PIL import Image
from seedbed.cli import main

from control.jobs import service as jobs
from tests.client.conftest import SPEC, Service, Trainer
from tests.client.faulty_proxy import Fault, FaultyProxy


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def environ(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a shell in which the service is used."""
    variables = {
        "SEEDBED_URL": service.url,
        "SEEDBED_KEY": service.key,
        "SEEDBED_CONFIG": str(tmp_path / "config" / "client.json"),
        "SEEDBED_HOME": str(tmp_path / "home"),
        "TERM": "xterm",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **variables}


@pytest.fixture
def run(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs one command in this process."""

    def run(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def job_file(tmp_path: Path, dataset: str) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(SPEC | {"dataset": dataset}))
    return path


# --- who and where -----------------------------------------------------------------------------------


def test_login_stores_the_key(
    run: Command, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SEEDBED_KEY")
    monkeypatch.delenv("SEEDBED_URL")
    with (tmp_path / "stdin").open("w+") as stdin:
        stdin.write(f"{service.key}\n")
        stdin.seek(0)
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run("login", service.url).code == 0
    who = run("whoami", "--json")
    assert (who.json["url"], who.json["project"]["name"], who.json["key"]["name"]) == (
        service.url,
        "ours",
        "tests",
    )
    assert "ours" in run("whoami").out


def test_a_wrong_key_is_not_stored(
    run: Command, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "stdin").open("w+") as stdin:
        stdin.write("sb_wrong\n")
        stdin.seek(0)
        monkeypatch.setattr(sys, "stdin", stdin)
        ran = run("login", service.url)
    assert ran.code == 1
    assert "not known here" in ran.err
    assert not (tmp_path / "config").exists()


def test_errors_are_sentences_with_codes_of_their_own(
    run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unknown = run("job", "show", "job_00000000000000000000000000")
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err.startswith("error: There is no job")
    assert run("job", "submit", "-f", tmp_path / "nowhere.yaml").code == 2
    assert run("job", "sbmit").code == 2
    told = run("job", "show", "job_00000000000000000000000000", "--json")
    assert (told.code, told.out) == (1, "")
    error = json.loads(told.err)["error"]
    assert (error["code"], error["status"]) == ("job_not_found", 404)
    monkeypatch.delenv("SEEDBED_KEY")
    missing = run("job", "list")
    assert missing.code == 2
    assert "seedbed login" in missing.err
    monkeypatch.setenv("SEEDBED_KEY", "sb_x")
    monkeypatch.setenv("SEEDBED_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("seedbed.transport.time.sleep", lambda _: None)
    away = run("job", "list")
    assert away.code == 4
    assert "Is the service running there?" in away.err
    for ran in (unknown, missing, away):
        assert "Traceback" not in ran.err


# --- datasets ----------------------------------------------------------------------------------------


def test_images_are_known_by_their_names_and_shown(run: Command, tmp_path: Path) -> None:
    pictures = tmp_path / "pets.zip"
    with zipfile.ZipFile(pictures, "w") as archive:
        for number in range(3):
            pixels = np.full((16, 16, 3), 80 * number, np.uint8)
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            archive.writestr(f"cat/{number}.png", out.getvalue())
    uploaded = run("dataset", "upload", pictures)
    assert uploaded.code == 0
    assert "3 images; ready for jobs" in uploaded.err
    shown = run("dataset", "show", uploaded.out.strip(), "--json").json
    assert (shown["modality"], shown["samples"], shown["documents"]) == ("image", 3, 0)
    assert "3 images" in run("dataset", "list").out
    sheet = tmp_path / "sheet.png"
    assert run("dataset", "contact-sheet", uploaded.out.strip(), "-o", sheet).code == 0
    with Image.open(sheet) as shown:
        assert shown.size == (3 * 66 - 2, 64)


def test_classes_of_texts_and_tags_of_words_are_shown(run: Command, tmp_path: Path) -> None:
    table, tagged = tmp_path / "train.csv", tmp_path / "dev.conll"
    table.write_text("text,label\n" + "".join(f"text {n},{'ham' if n % 3 else 'spam'}\n" for n in range(9)))
    tagged.write_text("Anna\tB-PER\nlives\tO\n\n")
    uploaded = run("dataset", "upload", table, tagged)
    assert uploaded.code == 0
    shown = run("dataset", "show", uploaded.out.strip()).out
    assert re.search(r"class +documents +held out +example", shown)
    assert re.search(r"ham +6 +0 +text 1", shown)
    assert re.search(r"PER +1 +1 +Anna", shown)


def test_recordings_are_known_by_their_names_and_shown(run: Command, tmp_path: Path) -> None:
    recordings = tmp_path / "digits.zip"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4000))
    with zipfile.ZipFile(recordings, "w") as archive:
        archive.mkdir("one")
        for number, sound in enumerate(samples):
            out = io.BytesIO()
            soundfile.write(out, sound, 8000, format="WAV")
            archive.writestr(f"one/{number}.wav", out.getvalue())
        archive.writestr("README.md", "digits")
    uploaded = run("dataset", "upload", recordings)
    assert uploaded.code == 0
    assert "3 recordings; ready for jobs" in uploaded.err
    assert "digits.zip: not read: 1 .md" in uploaded.err
    assert "digits.zip: not read: 1 .md" in run("dataset", "show", uploaded.out.strip()).out
    shown = run("dataset", "show", uploaded.out.strip(), "--json").json
    assert (shown["modality"], shown["samples"], shown["documents"]) == ("audio", 3, 0)
    assert "3 recordings" in run("dataset", "list").out
    sheet = tmp_path / "sheet.png"
    assert run("dataset", "contact-sheet", uploaded.out.strip(), "-o", sheet).code == 0
    with Image.open(sheet) as drawn:
        assert drawn.size == (3 * 164 - 4, 120)


def test_options_for_reading_tables_are_passed_on(run: Command, tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("".join(f'{n}\t"Lorem" {n}\n' if n else "id\ttext\n" for n in range(4)))
    uploaded = run("dataset", "upload", table, "--delimiter", "tab", "--quote", "none")
    (file,) = run("dataset", "show", uploaded.out.strip(), "--json").json["file_list"]
    assert (file["delimiter"], file["quote"], file["documents"]) == ("\t", "none", 3)
    refused = run("dataset", "upload", table, "--delimiter", ",", "--quote", "x")
    assert refused.code != 0
    assert "quote" in refused.err


LATIN_1 = os.fsdecode(b"caf\xe9")
"""Arguments that are not UTF-8, as Python decodes them."""


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("dataset", "upload", "{folder}/plain.txt", "--name", LATIN_1),
        ("dataset", "upload", f"{{folder}}/{LATIN_1}.txt"),
        ("dataset", "upload", "{folder}/plain.txt", "--text-column", LATIN_1),
        ("dataset", "upload", f"{{folder}}/missing {LATIN_1}"),
        ("dataset", "show", LATIN_1),
        ("job", "show", LATIN_1),
        ("job", "list", "--name", LATIN_1),
        ("job", "submit", "-f", "{job}", "--set", f"name={LATIN_1}"),
        ("job", "submit", "-f", f"{{folder}}/missing {LATIN_1}.yaml"),
        ("key", "create", LATIN_1),
    ],
    ids=lambda arguments: " ".join(arguments[:2]) if isinstance(arguments, tuple) else None,
)
def test_arguments_that_are_not_utf8_are_refused_in_one_line(
    run: Command, arguments: tuple[str, ...], flags: tuple[str, ...], tmp_path: Path, job_file: Path
) -> None:
    for name in ("plain.txt", f"{LATIN_1}.txt"):
        (tmp_path / name).write_text("Once upon a time there was a text.\n")
    given = [each.format(folder=tmp_path, job=job_file) for each in arguments]
    refused = run(*given, *flags)
    assert refused.code != 0
    assert "Traceback" not in refused.err
    assert refused.out == ""
    if flags:
        assert json.loads(refused.err)["error"]["detail"]
    else:
        text = " ".join(refused.err.split())
        assert "UTF-8" in text or "caf" in text
        assert text.count("rror") == 1


def test_text_is_uploaded_shown_and_deleted(run: Command, corpus: Path) -> None:
    uploaded = run("dataset", "upload", corpus, "--name", "docs")
    assert uploaded.code == 0
    assert "ready for jobs" in uploaded.err
    dataset = uploaded.out.strip()
    assert re.fullmatch(r"ds_[0-9a-z]{26}", dataset)
    (listed,) = run("dataset", "list", "--json").json
    assert (listed["id"], listed["name"], listed["state"]) == (dataset, "docs", "ready")
    assert dataset in run("dataset", "list").out
    assert run("dataset", "show", dataset, "--json").json["file_list"][0]["name"] == "corpus.txt"
    assert "corpus.txt" in run("dataset", "show", dataset).out
    assert "The 0th document" in run("dataset", "preview", dataset, "-n", "1").out
    assert len(run("dataset", "preview", dataset, "-n", "1", "--json").json["documents"]) == 1
    refused = run("dataset", "delete", dataset)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert run("dataset", "delete", dataset, "--yes").code == 0
    assert run("dataset", "list", "--json").json == []


def test_a_failed_upload_is_continued(run: Command, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Something good.")
    (tmp_path / "texts" / "b.txt").write_bytes(b"\xff\xfe\xff")
    failed = run("dataset", "upload", tmp_path / "texts")
    assert failed.code == 3
    assert "Traceback" not in failed.err
    found = re.search(r"--dataset (ds_\w+)", failed.err)
    assert found
    (tmp_path / "texts" / "b.txt").write_text("Better now.")
    done = run("dataset", "upload", tmp_path / "texts", "--dataset", found[1], "--json")
    assert done.code == 0
    assert (done.json["id"], done.json["name"], done.json["files"]) == (found[1], "texts", 2)


# --- jobs --------------------------------------------------------------------------------------------


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
    assert "start.scope: 'half' is not one of all, encoder" in wrong.err
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
    assert "start.scope: 'half' is not one of all, encoder" in wrong.err


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


# --- the rest ----------------------------------------------------------------------------------------


def test_checkpoints_are_listed_and_downloaded(
    run: Command, trainer: Trainer, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "has no checkpoint yet" in run("checkpoint", "download", job).err
    files = {"config.json": b"{}", "trainer/state.json": b"{}"}
    trainer.measure(1)
    first, second = (trainer.checkpoint(step, files).id for step in (1, 2))
    assert [found["id"] for found in run("checkpoint", "list", job, "--json").json] == [second, first]
    assert "loss 5.5" in run("checkpoint", "list", job).out
    assert run("checkpoint", "download", job).out == f"{second}\n"
    assert (tmp_path / second / "trainer" / "state.json").read_bytes() == b"{}"
    told = run("checkpoint", "download", first, "model", "--model-only", "--json").json
    assert (told["checkpoint"]["id"], told["directory"], told["files"]) == (first, "model", ["config.json"])
    (tmp_path / "model" / "config.json").write_text("mine")
    card = run("checkpoint", "card", first)
    assert card.out.startswith("---\n")
    assert card.out == Path("model/README.md").read_text()
    assert run("checkpoint", "card", first, "--json").json == {"checkpoint": first, "card": card.out}
    refused = run("checkpoint", "download", first, "model")
    assert refused.code == 2
    assert "--force" in refused.err
    assert run("checkpoint", "download", first, "model", "--force").code == 0


def test_workers_and_keys_are_listed(run: Command, trainer: Trainer) -> None:
    assert [worker["id"] for worker in run("worker", "list", "--json").json] == [trainer.worker]
    assert trainer.worker in run("worker", "list").out
    made = run("key", "create", "laptop", "--scope", "read")
    assert made.out.startswith("sb_")
    listed = {key["name"]: key for key in run("key", "list", "--json").json}
    assert listed["laptop"]["scopes"] == ["read"]
    assert run("key", "revoke", listed["laptop"]["id"]).code == 0
    assert "revoked" in run("key", "list").out
    assert run("key", "create", "other", "--json").json["secret"].startswith("sb_")


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
