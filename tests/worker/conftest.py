"""A service without its API: PostgreSQL, Valkey, storage, and workers as real processes."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Connection, Engine, select, text

from control.broker import broker
from control.datasets import service as datasets
from control.datasets import versions
from control.datasets.models import Dataset, DatasetFile
from control.datasets.schemas import VersionIn
from control.db import create_engine, normalized, read, write
from control.ids import new_id
from control.jobs import service as jobs
from control.lifecycle.models import Attempt, Event, Job
from control.maintenance.service import Maintenance
from control.settings import Settings, settings
from control.storage import Storage, open_storage
from core.spec.problems import validate
from standalone.postgres import Postgres
from standalone.valkey import Valkey
from tests.factories import make_project

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Call `condition` until its result is true, and return the result."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.02)
    return answer


class Tree:
    """The processes of one worker: main → supervisor → engine's server → engine."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.main = psutil.Process(process.pid)

    def all(self) -> list[psutil.Process]:
        return [self.main, *self.main.children(recursive=True)]

    def signal_group(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    @property
    def supervisor(self) -> psutil.Process:
        return self.main.children()[0]

    @property
    def server(self) -> psutil.Process:
        return self.supervisor.children()[0]

    @property
    def engine(self) -> psutil.Process:
        return self.server.children()[0]


def await_gone(processes: list[psutil.Process], seconds: float = 5.0) -> None:
    """Wait until none of these processes is alive; zombies count as ended."""
    eventually(
        lambda: not [process for process in processes if lives(process)],
        f"the end of {processes}",
        seconds,
    )


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Bench:
    """The service without its API, for tests of workers."""

    def __init__(self, engine: Engine, chosen: Settings, log: Path) -> None:
        self.database = engine
        self.settings = chosen
        self.storage: Storage = open_storage(chosen.storage_url)
        self._log = log
        with write(engine) as session:
            self.project = make_project(session)

    def dataset(
        self, content: bytes = b"some text to learn from\n" * 5000, name: str = "corpus.txt", **report: Any
    ) -> str:
        """A ready dataset of one file of text, as the API would have stored it; ``report``: further entries of its report."""
        known = {"kind": "text", "compression": None, "documents": 100, "characters": len(content)}
        return self._dataset(content, name, "text", known | report)

    def version(self, parent: str, content: bytes, name: str) -> str:
        """A complete version of a dataset of text, which adds one file."""
        with write(self.database) as session:
            version = versions.create(session, self.project, parent, VersionIn())
            self.storage.put_stream(self.blob_key(content), [content])
            session.add(
                DatasetFile(
                    dataset_id=version.id,
                    name=name,
                    bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                    object_key=self.blob_key(content),
                    report={"kind": "text", "documents": 100, "characters": len(content)},
                )
            )
            session.flush()
            return datasets.complete(session, self.project, version.id).id

    def images(self, archive: bytes, count: int) -> str:
        """A ready dataset of one archive of this many distinct images."""
        report = {"kind": "image_archive", "samples": count, "bad": 0, "duplicates": 0, "held_out": 0}
        return self._dataset(archive, "images.zip", "image", report)

    def _dataset(self, content: bytes, name: str, modality: str, report: dict[str, Any]) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        key = self.blob_key(content)
        self.storage.put_stream(key, [content])
        with write(self.database) as session:
            dataset = Dataset(
                id=new_id("ds"), project_id=self.project, name="corpus", modality=modality, state="ready"
            )
            session.add(dataset)
            session.flush()
            session.add(
                DatasetFile(
                    dataset_id=dataset.id,
                    name=name,
                    bytes=len(content),
                    sha256=sha256,
                    object_key=key,
                    report=report,
                )
            )
        return dataset.id

    def blob_key(self, content: bytes) -> str:
        return f"projects/{self.project}/blobs/{hashlib.sha256(content).hexdigest()}"

    def submit(self, name: str = "engine", *, dataset: str | None = None, **changes: Any) -> str:
        """A job; `name` is the scripted engine's script."""
        training = {
            "steps": 40,
            "batch_size": 8,
            "sequence_length": 64,
            "log_every": 1,
            "checkpoint_every": 10,
        }
        document = {
            "name": name,
            "dataset": dataset or self.dataset(),
            "task": {"kind": "masked_lm"},
            "model": {"preset": "bert-tiny"},
            "training": training | changes.pop("training", {}),
        }
        # A part that is None is left out, for the service to fill in.
        document = {part: value for part, value in (document | changes).items() if value is not None}
        with write(self.database) as session:
            return jobs.submit(session, self.project, validate(document)).id

    @contextmanager
    def worker(self, *, engine: str = "tests.worker.scripted_engine", **environment: str) -> Iterator[Tree]:
        """A worker as a separate process; killed at the end of the block if it still runs."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker", "cpu"],
                cwd=ROOT,
                env={**os.environ, "SEEDBED_ENGINE": engine, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        tree = Tree(process)
        try:
            yield tree
        finally:
            left = tree.all() if process.poll() is None else []
            process.kill()
            process.wait()
            psutil.wait_procs(left, timeout=10)

    def log(self) -> str:
        """What the workers of this module have logged."""
        return self._log.read_text()

    def job(self, job_id: str) -> Job:
        with read(self.database) as session:
            return session.get_one(Job, job_id)

    def attempt(self, job_id: str, number: int) -> Attempt:
        with read(self.database) as session:
            return session.get_one(Attempt, (job_id, number))

    def events(self, job_id: str) -> list[str]:
        with read(self.database) as session:
            return list(session.scalars(select(Event.type).where(Event.job_id == job_id).order_by(Event.id)))

    def points(self, job_id: str, name: str = "train/loss") -> dict[int, float]:
        with read(self.database) as session:
            rows = session.execute(
                text(
                    "SELECT step, value FROM metric_points JOIN metric_names ON id = name_id "
                    "WHERE job_id = :job AND name = :name"
                ),
                {"job": job_id, "name": name},
            )
            return {row.step: row.value for row in rows}

    def checkpoints(self, job_id: str) -> list[int]:
        """Steps of the checkpoints ever committed."""
        with read(self.database) as session:
            rows = session.execute(
                text("SELECT step FROM checkpoints WHERE job_id = :job ORDER BY step, attempt"),
                {"job": job_id},
            )
            return [row.step for row in rows]

    def await_state(self, job_id: str, *states: str) -> Job:
        return eventually(
            lambda: job if (job := self.job(job_id)).state in states else None, f"{job_id} {states}"
        )

    def await_step(self, job_id: str, step: int) -> Job:
        return eventually(lambda: job if (job := self.job(job_id)).step >= step else None, f"step {step}")

    def await_checkpoint(self, job_id: str, step: int) -> None:
        eventually(lambda: step in self.checkpoints(job_id), f"checkpoint {step}")

    def maintenance(self) -> Maintenance:
        """The leader's maintenance, to be run by the test."""
        return Maintenance(self.database, broker(), self.storage, self.settings)


@pytest.fixture(scope="module")
def bench(
    postgres: Postgres,
    administration: Connection,
    template: str,
    valkey: Valkey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """One for each test module: a worker takes seconds to start, so the tests of a module share one."""
    directory = tmp_path_factory.mktemp("bench")
    name = f"test_{directory.name}"
    administration.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG"))
    url = normalized(postgres.url).set(database=name).render_as_string(hide_password=False)
    chosen = {
        "DATABASE_URL": url,
        "REDIS_URL": valkey.url,
        "STORAGE_URL": (directory / "storage").as_uri(),
        "SEEDBED_SECRET": "only for tests: thirty-two characters at least",
        "SEEDBED_CACHE_DIRECTORY": str(directory / "cache"),
        "SEEDBED_HEARTBEAT_SECONDS": "0.2",
        "SEEDBED_LEASE_SECONDS": "5",
        "SEEDBED_STOP_GRACE_SECONDS": "20",
        "OMP_NUM_THREADS": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in chosen.items():
            patch.setenv(variable, value)
        settings.cache_clear()
        broker.cache_clear()
        broker().live.flushall()
        engine = create_engine(url)
        yield Bench(engine, settings(), directory / "worker.log")
        engine.dispose()
        broker().close()
        broker.cache_clear()
    settings.cache_clear()
    administration.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    log = directory / "worker.log"
    print(log.read_text() if log.exists() else "no worker ran")


@pytest.fixture(scope="module")
def worker(bench: Bench) -> Iterator[Tree]:
    """A worker that the module's tests share; no test may stop it."""
    with bench.worker() as tree:
        yield tree


@pytest.fixture(scope="module")
def real_worker(bench: Bench) -> Iterator[Tree]:
    """A worker with the real engine, whose libraries take seconds to import: the module's tests share it, none may stop it."""
    with bench.worker(engine="core") as tree:
        yield tree
