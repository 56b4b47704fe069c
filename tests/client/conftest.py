"""The real API on a free port, a simulated worker that calls the services as workers do, and a faulty proxy in between."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import seedbed
from sqlalchemy import Engine

from api import logs
from api.app import create_app
from api.main import Server, listen
from control.checkpoints.models import Checkpoint
from control.db import write
from control.jobs import service as jobs
from control.keys import service as keys
from control.projects import service as projects
from control.settings import Settings
from control.storage import Storage, open_storage
from tests.client.faulty_proxy import FaultyProxy
from tests.factories import make_worker

SPEC: dict[str, Any] = {
    "name": "python-docs",
    "task": {"kind": "masked_lm"},
    "model": {"preset": "bert-tiny"},
    "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
}


class Service:
    """The API, served by uvicorn in a thread. It can be stopped and started again on the same port."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.storage: Storage = open_storage(settings.storage_url)
        with write(engine) as session:
            project = projects.ensure(session, "ours")
            self.project = project.id
            _, self.key = keys.create(
                session, project.id, "tests", ["admin"], secret=settings.secret.get_secret_value()
            )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        logs.through_logging()
        self._server = Server(create_app(self.settings), grace_seconds=1)
        self._thread = threading.Thread(target=self._server.run, args=([listen("127.0.0.1", self.port)],))
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.end()
            self._thread.join()
            self._server = None


class Trainer:
    """Does what a worker does for one job, without training a network."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with write(service.engine) as session:
            self.worker = make_worker(session)

    def claim(self) -> None:
        """Take the next queued job."""
        with write(self.service.engine) as session:
            claim = jobs.claim(session, self.worker)
        assert claim is not None
        self.job, self.attempt = claim.job_id, claim.attempt

    def measure(self, *steps: int, **values: float) -> None:
        """Report one point for each step: a loss, and further metrics (``eval_loss`` for ``eval/loss``)."""
        for step in steps:
            measured = {"train/loss": 8.0 - step / 100, "train/tokens_per_s": 12345.0}
            measured |= {name.replace("_", "/", 1): value for name, value in values.items()}
            now = datetime.now(UTC)
            points = [jobs.Point(name, step, value, now) for name, value in measured.items()]
            with write(self.service.engine) as session:
                jobs.record_points(session, self.job, self.attempt, points)

    def checkpoint(self, step: int, files: dict[str, bytes]) -> Checkpoint:
        """Put a checkpoint of these files into storage and commit it."""
        prefix = f"jobs/{self.job}/attempt-{self.attempt}/step-{step}"
        listed = [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in sorted(files.items())
        ]
        manifest = {"format": 1, "step": step, "files": listed}
        written = json.dumps(manifest).encode()
        for path, content in [*files.items(), ("manifest.json", written)]:
            self.service.storage.put_stream(f"{prefix}/{path}", [content])
        with write(self.service.engine) as session:
            return jobs.commit_checkpoint(
                session,
                self.job,
                self.attempt,
                step=step,
                prefix=prefix,
                manifest=manifest,
                manifest_sha256=hashlib.sha256(written).hexdigest(),
                metrics={"eval/loss": 5.5},
            )

    def log(self, text: str) -> None:
        """Store the whole log in storage and its last lines in the database."""
        key = f"jobs/{self.job}/attempt-{self.attempt}/log.txt"
        self.service.storage.put_stream(key, [text.encode()])
        with write(self.service.engine) as session:
            jobs.record_log_tail(
                session,
                self.job,
                self.attempt,
                text.splitlines(keepends=True)[-1],
                total_bytes=len(text),
                object_key=key,
            )

    def finish(self, result: jobs.Result | None = None) -> None:
        with write(self.service.engine) as session:
            jobs.finish(session, self.job, self.attempt, result or jobs.Completed())


@pytest.fixture
def service(environment: Settings, engine: Engine) -> Iterator[Service]:
    """The running service."""
    service = Service(environment, engine)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def client(service: Service) -> Iterator[seedbed.Client]:
    """A client of the service."""
    with seedbed.Client(service.url, service.key) as client:
        yield client


@pytest.fixture
def proxy(service: Service) -> Iterator[FaultyProxy]:
    """A faulty proxy to the service."""
    with FaultyProxy(service.port) as proxy:
        yield proxy


@pytest.fixture
def faulty(service: Service, proxy: FaultyProxy) -> Iterator[seedbed.Client]:
    """A client that connects through the faulty proxy."""
    with seedbed.Client(proxy.url, service.key) as client:
        yield client


@pytest.fixture
def trainer(service: Service) -> Trainer:
    """A worker that is online."""
    return Trainer(service)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A file of text, enough for a small job."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n\n".join(f"The {n}th document says something about {n * n}." for n in range(2000)))
    return path


@pytest.fixture
def dataset(client: seedbed.Client, corpus: Path) -> str:
    """A dataset that jobs may run on."""
    dataset = client.datasets.create("docs").id
    client.datasets.upload(dataset, corpus)
    return client.datasets.complete(dataset).id


@pytest.fixture
def job(client: seedbed.Client, dataset: str, trainer: Trainer) -> str:
    """A job that ``trainer`` runs."""
    submitted = client.jobs.submit(SPEC, dataset=dataset)
    trainer.claim()
    assert trainer.job == submitted.id
    return submitted.id
