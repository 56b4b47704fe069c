"""The ``seedbed`` command against the real service."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from seedbed.cli import main

from tests.client.conftest import SPEC, Service, Trainer


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
