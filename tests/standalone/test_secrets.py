"""No secret of a run is in any of its logs, whatever happens in it."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import text

from control.db import create_engine, normalized
from tests.standalone.test_up import Up, command, up
from tests.worker.conftest import eventually

SECRET_FILES = {"client.json", "service.json", "secret", "password"}
"""Files whose purpose is to hold a secret; only their owner may read them."""
CORPUS = b"\n\n".join(
    b"Document %d of a corpus, which is long enough to be cut into rows." % n * 9 for n in range(300)
)
SPEC: dict[str, Any] = {
    "name": "a run",
    "task": {"kind": "masked_lm"},
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"kind": "byte"}},
    "training": {"steps": 100_000, "batch_size": 4, "sequence_length": 32, "precision": "fp32"},
}


def _engine_dies(service: Up, client: httpx.Client, job: str) -> None:
    eventually(lambda: client.get(f"/v1/jobs/{job}").json()["progress"]["step"] > 0, "the first step")
    for process in service.tree():
        if "serve" in process.cmdline() and "core" in process.cmdline():
            process.kill()
    eventually(lambda: client.get(f"/v1/jobs/{job}").json()["attempt"] > 1, "the next attempt")
    client.post(f"/v1/jobs/{job}/cancel")
    eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "cancelled", "its end")


def _a_route_fails(service: Up, client: httpx.Client) -> None:
    """Make a route fail, by renaming a column that its code uses."""
    engine = create_engine(service.environment["DATABASE_URL"], pool_size=1)
    try:
        for old, new, status in (("statistics", "renamed", 500), ("renamed", "statistics", 200)):
            with engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE datasets RENAME COLUMN {old} TO {new}"))
            assert client.get("/v1/datasets").status_code == status
    finally:
        engine.dispose()


def _wrong_credentials(client: httpx.Client, key: str) -> None:
    anonymous = {"Authorization": f"Bearer {key[:-1]}x"}
    assert client.get("/v1/jobs", headers=anonymous).status_code == 401
    client.get(f"/v1/{key}", params={"key": key}, headers={"X-Request-Id": key})
    client.post("/v1/session", json={"ky": key})
    client.post("/v1/session", json={"key": [key]})
    client.post("/v1/jobs", json={key: key})


def _sign_in(url: str, key: str) -> str:
    with httpx.Client(base_url=url, timeout=60) as browser:
        assert browser.post("/v1/session", json={"key": key}).status_code == 200
        cookie = browser.cookies["seedbed_session"]
        assert browser.get("/v1/session", headers={"X-Request-Id": cookie[:64]}).status_code == 200
        browser.get(f"/v1/jobs/{cookie}")
        browser.delete("/v1/session", headers={"X-Seedbed-Csrf": "1"})
    return cookie


def _wrong_password(service: Up) -> None:
    url = normalized(service.environment["DATABASE_URL"])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=str(url.query["host"]), user=url.username, password=f"{url.password}x", dbname=url.database
        )


def _written(home: Path, log: Path) -> str:
    """All text that the run wrote: the logs, those of the engine included, and the files in storage."""
    files = [
        path
        for path in home.rglob("*")
        if path.is_file() and path.name not in SECRET_FILES and "data" not in path.relative_to(home).parts
    ]
    return "".join(path.read_bytes().decode(errors="replace") for path in [log, *files])


def test_no_secret_of_a_run_is_in_its_logs(
    server_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, log = server_directory / "home-of-secrets", tmp_path / "up.log"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws := "an-aws-secret-of-this-very-run")
    with up(home, log) as service:
        environment, key = service.environment, service.client["key"]
        second = command(home, "key", "create", "--name", "second").stdout.strip()
        url = service.client["url"]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            dataset = client.post("/v1/datasets", json={"name": "corpus"}).json()["id"]
            assert client.put(f"/v1/datasets/{dataset}/files/a.txt", content=CORPUS).status_code == 201
            client.post(f"/v1/datasets/{dataset}/complete")
            job = client.post("/v1/jobs", json=SPEC | {"dataset": dataset}).json()["id"]
            _wrong_credentials(client, second)
            cookie = _sign_in(url, second)
            _a_route_fails(service, client)
            _wrong_password(service)
            _engine_dies(service, client, job)
            api = service.part("api")
            assert isinstance(api, psutil.Process)
            api.kill()
            eventually(lambda: "api has died (SIGKILL)" in service.log, "the note of the death")
        service.process.terminate()
        assert service.process.wait(60) == 0
    password = str(urlsplit(environment["DATABASE_URL"]).password)
    secrets = {
        "the first key": key,
        "another key": second,
        "a key with a wrong end": second[:-1],
        "the cookie": cookie,
        "the service's secret": environment["SEEDBED_SECRET"],
        "the database's password": unquote(password),
        "the AWS secret": aws,
    }
    written = _written(home, log)
    assert "request failed" in written
    assert [what for what, secret in secrets.items() if secret in written] == []
