"""The API served over real HTTP, from a thread, with a database of the test's own."""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api import inspections, logs
from api.app import create_app
from api.main import Server, listen
from control.db import write
from control.inspection.server import InspectionServer
from control.jobs import service as jobs
from control.keys import service as keys
from control.keys.schemas import Scope
from control.projects import service as projects
from control.settings import Settings
from control.storage import open_storage
from tests.factories import make_running


@pytest.fixture
def project_id(engine: Engine) -> str:
    with write(engine) as session:
        return projects.ensure(session, "default").id


@dataclass
class Keys:
    """Makes API keys."""

    engine: Engine
    settings: Settings
    made: dict[str, str] = field(default_factory=dict)
    """Key → its id."""

    def make(self, project_id: str, *scopes: Scope) -> str:
        with write(self.engine) as session:
            key, text = keys.create(
                session, project_id, "test", scopes, secret=self.settings.secret.get_secret_value()
            )
        self.made[text] = key.id
        return text


@pytest.fixture
def api_keys(engine: Engine, environment: Settings) -> Keys:
    return Keys(engine, environment)


@pytest.fixture
def server_settings(environment: Settings) -> Settings:
    """The server's settings; a test module may override them."""
    return environment


class SharedInspectionServer(InspectionServer):
    """One inspection server for all tests: it takes seconds to import the readers, and has no state of its clients."""

    def close(self) -> None:
        """Does nothing: other APIs still use the server."""

    def end(self) -> None:
        super().close()


@pytest.fixture(scope="session")
def inspection_server() -> Iterator[InspectionServer]:
    """Started by this thread, which outlives every test: the server ends with the one that started it."""
    server = SharedInspectionServer()
    server.start()
    yield server
    server.end()


@pytest.fixture
def url(
    engine: Engine,
    server_settings: Settings,
    inspection_server: InspectionServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """URL of the API."""
    # Not by printing, as structlog does by itself: pytest changes sys.stdout under the server's threads.
    logs.through_logging()
    monkeypatch.setattr(inspections, "InspectionServer", lambda: inspection_server)
    with listen("127.0.0.1", 0) as listening:
        server = Server(create_app(server_settings), grace_seconds=2)
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        host, port = listening.getsockname()
        yield f"http://{host}:{port}"
        server.end()
        thread.join()


@pytest.fixture
def anonymous(url: str) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
def client(url: str, project_id: str, api_keys: Keys) -> Iterator[httpx.Client]:
    """A client with a key of all scopes in the default project."""
    key = api_keys.make(project_id, "admin")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        yield client


@pytest.fixture
def stranger(url: str, engine: Engine, api_keys: Keys) -> Iterator[httpx.Client]:
    """A client with a key of all scopes in another project."""
    with write(engine) as session:
        other = projects.ensure(session, "another").id
    key = api_keys.make(other, "admin")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        yield client


@pytest.fixture
def dataset_id(client: httpx.Client) -> str:
    """An open dataset."""
    return str(client.post("/v1/datasets", json={"name": "corpus"}).json()["id"])


WEIGHTS = os.urandom(5 * 2**20 + 3)


@dataclass
class Stored:
    id: str
    prefix: str
    files: dict[str, bytes]

    def url(self, path: str = "model.safetensors") -> str:
        return f"/v1/checkpoints/{self.id}/files/{path}"


@pytest.fixture
def checkpoint(engine: Engine, project_id: str, environment: Settings) -> Stored:
    """A checkpoint with its files in storage, as a worker uploads them."""
    files = {
        "config.json": b"{}",
        "model.safetensors": WEIGHTS,
        "trainer/state.json": b'{"step": 7}',
        "odd name \u00fc.txt": b"",
    }
    listed: list[dict[str, Any]] = [
        {"path": path, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for path, body in files.items()
    ]
    manifest = {"format": 1, "step": 7, "files": listed}
    encoded = json.dumps(manifest).encode()
    storage = open_storage(environment.storage_url)
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        prefix = f"jobs/{job.id}/attempt-1/step-00000007"
        for path, body in (files | {"manifest.json": encoded}).items():
            storage.put_stream(f"{prefix}/{path}", [body])
        checkpoint = jobs.commit_checkpoint(
            session,
            job.id,
            claim.attempt,
            step=7,
            prefix=prefix,
            manifest=manifest,
            manifest_sha256=hashlib.sha256(encoded).hexdigest(),
            metrics={"eval/loss": 2.5},
        )
        return Stored(checkpoint.id, prefix, files | {"manifest.json": encoded})


class RequestLog(logging.Handler):
    """What the API wrote to its log."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self._written = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("http"):  # this test's own client
            return
        line = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        traceback = bool(record.exc_info or line.get("exc_info"))
        with self._written:
            self.records.append(line | {"level": record.levelname, "traceback": traceback})
            self._written.notify_all()

    def wait_for(self, **facts: Any) -> dict[str, Any]:
        """Wait for the first line that matches, and return it."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [line for line in self.records if facts.items() <= line.items()]
            return bool(found)

        with self._written:
            assert self._written.wait_for(there, timeout=20), self.records
        return found[0]

    def of(self, client: httpx.Client) -> list[dict[str, Any]]:
        """The lines since the last call: once another request is answered, those of the previous one are written."""
        client.get("/healthz", headers={"X-Request-Id": "marker"})
        lines, self.records = self.records, []
        return [line for line in lines if line.get("request_id") != "marker"]


@pytest.fixture
def request_log(url: str, dataset_id: str) -> Iterator[RequestLog]:
    """The log from here on, without the requests of other fixtures."""
    handler = RequestLog()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def problem(response: httpx.Response, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """The problem document, after checking its status and code."""
    body: dict[str, Any] = response.json()
    found = (response.status_code, body.get("code"), body.get("param"))
    assert found == (status, code, param), json.dumps(body, indent=2)
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["detail"]
    return body
