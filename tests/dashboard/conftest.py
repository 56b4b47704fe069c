"""The whole service in a temporary home, and a real Chromium that uses its dashboard.

A scenario is a Node program in `scenarios/`: it drives the browser with playwright-core and fails by its exit code.
"""

import json
import os
import pydoc_data.topics
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "dashboard"
SCENARIOS = Path(__file__).parent / "scenarios"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCENARIO_SECONDS = 300
"""Time limit of a scenario, for one that waits for ever."""

Scenario = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Running:
    """A running service and its addresses."""

    url: str
    key: str
    environment: dict[str, str]
    """Environment of its processes, with the database's address."""

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """HTTP with the admin key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as client:
            yield client


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser: `CHROMIUM`, else one on the PATH."""
    named = os.environ.get("CHROMIUM")
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: install one, or name it by CHROMIUM (./run test finds or fetches one)")
    if not (DASHBOARD / "node_modules" / "playwright-core").exists() or not shutil.which("node"):
        pytest.skip("the dashboard's packages are not installed: npm ci in dashboard/ (./run test does it)")
    if not (DASHBOARD / "dist" / "index.html").exists():
        pytest.skip("the dashboard is not built: npm run build in dashboard/ (./run test does it)")
    return found


@pytest.fixture(scope="session")
def service(chromium: str) -> Iterator[Running]:
    """`seedbed-server up` in a home of its own."""
    # Not in pytest's directories: as root, PostgreSQL runs as a user who may not enter those.
    home = Path(tempfile.mkdtemp(prefix="seedbed-dashboard-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    home.chmod(0o711)
    environment = {**os.environ, "SEEDBED_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "standalone.cli", "up", "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    said = Said(process)
    try:
        said.wait_for("Ctrl-C stops it")
        client = json.loads((home / "client.json").read_text())
        yield Running(client["url"], client["key"], json.loads((home / "service.json").read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        said.close()
        shutil.rmtree(home, ignore_errors=True)


class Said:
    """The standard error of a process, read continuously so that its pipe never fills."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        assert process.stderr is not None
        self._stream = process.stderr
        self._reader = threading.Thread(target=self._read, args=(self._stream,), daemon=True)
        self._reader.start()

    def wait_for(self, text: str) -> None:
        """Wait until a line contains the text; fails if the process ends before."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or any(text in line for line in self._lines))
            if not any(text in line for line in self._lines):
                pytest.fail(f"the service did not start:\n{''.join(self._lines[-60:])}")

    def close(self) -> None:
        """Once the process has ended."""
        self._reader.join()
        self._stream.close()

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text of every Python installation: the topics of its documentation, one document each."""
    path = tmp_path_factory.mktemp("corpus") / "python-docs.jsonl"
    with path.open("w") as file:
        for text in pydoc_data.topics.topics.values():
            file.write(json.dumps({"text": text}) + "\n")
    return path


@pytest.fixture(scope="session")
def dataset(service: Running, corpus: Path) -> str:
    """Id of a dataset that is ready."""
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": "docs"}).raise_for_status().json()["id"]
        client.put(f"/v1/datasets/{made}/files/docs.jsonl", content=corpus.read_bytes()).raise_for_status()
        client.post(f"/v1/datasets/{made}/complete").raise_for_status()
    return str(made)


@pytest.fixture
def submit(service: Running, dataset: str) -> Callable[..., str]:
    """Submits a small job over REST; returns its id."""

    def submit(name: str, task: dict[str, Any] | None = None, **training: Any) -> str:
        spec = {
            "name": name,
            "dataset": dataset,
            "task": task or {"kind": "masked_lm"},
            "model": {"layers": 1, "hidden_size": 32, "heads": 2},
            "training": {"batch_size": 4, "sequence_length": 32, "log_every": 1, **training},
            "data": {"tokenizer": {"vocabulary_size": 600}},
        }
        with service.client() as client:
            return str(client.post("/v1/jobs", json=spec).raise_for_status().json()["id"])

    return submit


@pytest.fixture
def scenario(service: Running, chromium: str, tmp_path: Path) -> Scenario:
    """Runs a scenario to its end and returns its result; a failure has its output and a screenshot."""

    def run(name: str, **arguments: Any) -> dict[str, Any]:
        result = tmp_path / "result.json"
        given = {
            "url": service.url,
            "key": service.key,
            "chromium": chromium,
            "packages": str(DASHBOARD / "package.json"),
            "folder": str(tmp_path),
            "result": str(result),
            **arguments,
        }
        done = subprocess.run(
            ["node", SCENARIOS / f"{name}.mjs"],
            env={**os.environ, "SCENARIO": json.dumps(given)},
            capture_output=True,
            text=True,
            timeout=SCENARIO_SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{name} with {arguments}:\n{done.stdout}{done.stderr}", pytrace=False)
        found: dict[str, Any] = json.loads(result.read_text())
        return found

    return run
