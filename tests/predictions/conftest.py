"""A whole service for predictions: API over real HTTP, real workers with the real engine, and small trained checkpoints."""

import json
import pydoc_data.topics
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from api import logs
from api.app import create_app
from api.main import Server, listen
from control.db import read, write
from control.keys import service as keys
from tests.worker.conftest import Bench, Tree, bench, eventually

__all__ = ["bench"]

TEXT = "\f".join(pydoc_data.topics.topics.values()).encode()[:150_000]
SMALL = {"layers": 1, "hidden_size": 32, "heads": 2}


@dataclass
class Service:
    """What a test works with."""

    bench: Bench
    url: str
    client: httpx.Client
    made: dict[str, str] = field(default_factory=dict)

    def key(self, project_id: str) -> str:
        """A new API key of a project."""
        with write(self.bench.database) as session:
            secret = self.bench.settings.secret.get_secret_value()
            return keys.create(session, project_id, "test", ["admin"], secret=secret)[1]

    def checkpoint(self, kind: str = "masked_lm") -> str:
        """The checkpoint of a small text model that a worker trains on the first call."""
        if kind not in self.made:
            preset = {
                "masked_lm": "bert-tiny",
                "causal_lm": "gpt2-tiny",
                "text_denoising_autoencoder": "t5-tiny",
            }
            job_id = self.bench.submit(
                kind,
                dataset=self.bench.dataset(TEXT),
                task={"kind": kind},
                model={"preset": preset[kind], **SMALL},
                data={"tokenizer": {"vocabulary_size": 512}},
                training={"steps": 12, "batch_size": 8, "sequence_length": 48, "precision": "fp32"},
            )
            job = self.bench.await_state(job_id, "succeeded", "failed")
            assert job.state == "succeeded", job.failure
            with read(self.bench.database) as session:
                query = "SELECT id FROM checkpoints WHERE job_id = :job ORDER BY step DESC LIMIT 1"
                self.made[kind] = session.execute(text(query), {"job": job_id}).scalar_one()
        return self.made[kind]

    def predict(self, checkpoint: str, **asked: Any) -> httpx.Response:
        return self.client.post(f"/v1/checkpoints/{checkpoint}/predict", json=asked)

    def stream(self, checkpoint: str, **asked: Any) -> list[tuple[str, dict[str, Any]]]:
        """All events of a streamed prediction."""
        with self.client.stream(
            "POST", f"/v1/checkpoints/{checkpoint}/predict", json={**asked, "stream": True}
        ) as response:
            assert response.status_code == 200, response.read()
            return list(events_of(response))

    def ready(self, worker: Tree) -> None:
        """Wait until the worker answers predictions."""
        assert worker.process.poll() is None
        eventually(
            lambda: (
                self.client.post("/v1/checkpoints/ckpt_" + "0" * 26 + "/predict", json={}).status_code == 404
                and self.bench_workers()
            ),
            "a worker for predictions",
        )

    def bench_workers(self) -> int:
        """How many workers say that they answer predictions."""
        from control.broker import broker  # noqa: PLC0415 - after the settings are chosen

        return sum(1 for _ in broker().live.scan_iter("seedbed:predictions:worker:*"))


def events_of(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream as they come."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def predictor(worker: Tree) -> psutil.Process | None:
    """The process that keeps models loaded, if it runs."""
    for process in worker.main.children(recursive=True):
        # A forked engine has its server's command line, but a niceness above that of all others.
        if process.nice() > worker.main.nice() and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


@pytest.fixture(scope="module")
def service(bench: Bench) -> Iterator[Service]:
    logs.through_logging()
    with listen("127.0.0.1", 0) as listening:
        server = Server(create_app(bench.settings), grace_seconds=2)
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        host, port = listening.getsockname()
        url = f"http://{host}:{port}"
        with httpx.Client(base_url=url, timeout=90) as client:
            found = Service(bench, url, client)
            client.headers["Authorization"] = f"Bearer {found.key(bench.project)}"
            yield found
        server.end()
        thread.join()


@pytest.fixture(scope="module")
def worker(bench: Bench, service: Service) -> Iterator[Tree]:
    """A worker with the real engine that answers predictions."""
    with bench.worker(engine="core") as tree:
        eventually(service.bench_workers, "a worker for predictions")
        yield tree


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path
