"""The whole service as separate processes, each of which can be killed, on a file system that can be filled."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil
import psycopg

from benchmarks._processes import reap
from benchmarks.chaos.tree import WorkerTree, worker_tree
from control.settings import Settings
from control.storage import Storage, open_storage
from standalone.postgres import Postgres
from standalone.valkey import Valkey

LEASE_SECONDS = 4.0


class Cluster:
    """Embedded PostgreSQL and Valkey, two API replicas, several workers; a process that dies is started again.

    Args:
        home: The cluster's directory.
        workers: Number of workers; each runs one job at a time.
        replicas: Number of API processes.
        threads: Threads of an engine.
        engine: The module that ``python -m`` runs as the engine.
        disk: The directory of storage and the workers' caches: a small file system that a fault may fill.
    """

    def __init__(
        self,
        home: Path,
        *,
        workers: int = 2,
        replicas: int = 2,
        threads: int = 1,
        engine: str = "core",
        lease_seconds: float = LEASE_SECONDS,
        disk: Path | None = None,
    ) -> None:
        self.home = home
        self.disk = disk or home
        self.postgres = Postgres(home / "postgres", durable=False)
        self.valkey = Valkey(home / "valkey", durable=False)
        self.secret = secrets.token_urlsafe(32)
        self.key = ""
        self._threads = threads
        self._engine = engine
        self._lease_seconds = lease_seconds
        self._logs: list[IO[bytes]] = []
        self._commands: dict[str, list[str]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self.ports = [_free_port() for _ in range(replicas)]
        for number, port in enumerate(self.ports):
            self._commands[f"api-{number}"] = ["api", "--host", "127.0.0.1", "--port", str(port)]
        for number in range(workers):
            self._commands[f"worker-{number}"] = ["worker", "--device", "cpu"]
        self._restarter = threading.Thread(target=self._keep_alive, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self.postgres.start()
        self.valkey.start()
        self._server("migrate")
        self.key = self._server("key", "create", "--name", "chaos", "--scopes", "admin").split()[-1]
        for name in self._commands:
            self._start(name)
        self._restarter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything by SIGTERM, workers first, as an operator does."""
        self._closing.set()
        if self._restarter.is_alive():
            self._restarter.join()
        for prefix in ("worker", "api"):
            group = [p for name, p in self._processes.items() if name.startswith(prefix)]
            for process in group:
                process.terminate()
            for process in group:
                try:
                    process.wait(90)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._processes.clear()
        self.valkey.stop()
        self.postgres.stop()
        for log in self._logs:
            log.close()

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the service's processes."""
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "STORAGE_URL": f"file://{self.disk / 'storage'}",
            "SEEDBED_SECRET": self.secret,
            "SEEDBED_CACHE_DIRECTORY": str(self.disk / "cache"),
            "SEEDBED_LEASE_SECONDS": str(self._lease_seconds),
            "SEEDBED_ENGINE": self._engine,
            "SEEDBED_HEARTBEAT_SECONDS": "0.5",
            "SEEDBED_REAPER_SECONDS": "0.5",
            "SEEDBED_WORKER_ONLINE_SECONDS": "10",
            "SEEDBED_LOG_FORMAT": "json",
            "OMP_NUM_THREADS": str(self._threads),
        }

    def storage(self) -> Storage:
        return open_storage(self.environment["STORAGE_URL"])

    @contextlib.contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """A separate connection for the checks, in autocommit mode."""
        url = self.postgres.url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, autocommit=True, application_name="chaos-judge") as connection:
            yield connection

    def tree(self, name: str) -> WorkerTree:
        return worker_tree(self._processes[name].pid)

    @property
    def worker_names(self) -> list[str]:
        return [name for name in self._commands if name.startswith("worker")]

    @property
    def api_names(self) -> list[str]:
        return [name for name in self._commands if name.startswith("api")]

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._processes[name].pid, signal.SIGKILL)

    def await_ready(self) -> None:
        """Wait until every API replica answers and every worker has started its preloaded server."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if all(_listens(port) for port in self.ports) and all(
                self.tree(name).server is not None for name in self.worker_names
            ):
                return
            time.sleep(0.1)
        raise TimeoutError(f"the service did not start; its logs are in {self.home}")

    def _server(self, *arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "standalone.cli", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"seedbed-server {' '.join(arguments)}: {result.stderr}")
        return result.stdout

    def _start(self, name: str) -> None:
        log = (self.home / f"{name}.log").open("ab")
        self._logs.append(log)
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", "standalone.cli", *self._commands[name]],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _keep_alive(self) -> None:
        while not self._closing.wait(0.2):
            with self._lock:
                for name, process in list(self._processes.items()):
                    if process.poll() is not None:
                        self._start(name)
                reap()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kill(process: psutil.Process | None, number: int = signal.SIGKILL) -> bool:
    """Send a signal; False if the process does not exist."""
    if process is None:
        return False
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True
