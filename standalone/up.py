"""Runs the whole service as one foreground command, the parent of all its processes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from sqlalchemy import Engine

import control.models  # noqa: F401 - SQLAlchemy needs every table that a foreign key refers to
from control.db import create_engine, read, write
from control.errors import SeedbedError, Unauthorized
from control.keys import secrets as key_secrets
from control.keys import service as keys
from control.migrate import upgrade
from control.projects import service as projects
from control.settings import Settings
from standalone.console import LogPipe, say
from standalone.home import Home
from standalone.network import fetch, free_port, url_at
from standalone.parts import Program, Restarter, Server, children_environment, package_root
from standalone.postgres import Postgres
from standalone.problems import ProblemError
from standalone.valkey import Valkey
from worker.device import DeviceChoice, NoDeviceError, describe

DEFAULT_PROJECT = projects.OPERATORS
_API_START_SECONDS = 60.0
_API_STOP_SECONDS = 15.0
_CHECK_SECONDS = 0.5


@dataclass(frozen=True)
class Address:
    """The URL of the service, and the API key of this machine's user."""

    url: str
    key: str
    new_key: bool


class Service:
    """PostgreSQL, Valkey, the API and a worker on one data directory.

    Args:
        host: The address that the API listens on.
        port: Its port; 0 for any free one.
        device: The worker's device: ``auto``, ``cpu`` or ``cuda``.
        quiet: Do not print the parts' logs.
    """

    def __init__(
        self, home: Home, *, host: str, port: int, device: DeviceChoice = "auto", quiet: bool = False
    ) -> None:
        self._home = home
        self._host = host
        self._port = port
        self._device = device
        self._quiet = quiet
        self._parts: list[Restarter] = []

    @contextmanager
    def running(self) -> Iterator[Address]:
        """Start all parts; at the end of the block stop them, in reverse order.

        The block runs in the thread that started the processes, and has to call `restart_dead` repeatedly.

        Raises:
            ProblemError: a part did not start; the message says what to do.
        """
        with ExitStack() as stack:
            stack.callback(self._home.claim().release)
            self._port = free_port(self._host, self._port)
            check_device(self._device)
            postgres_log, valkey_log, api_log, worker_log = (
                self._pipe(stack, name) for name in ("postgres", "valkey", "api", "worker")
            )
            stack.callback(self._stop)
            postgres = Postgres(self._home.postgres(), output=postgres_log.write)
            valkey = Valkey(self._home.valkey, output=valkey_log.write)
            for server in (postgres, valkey):
                self._start(Restarter(Server(server)))
            environment = self._environment(postgres.url, valkey.url)
            url = url_at(self._host, self._port)
            with _as_problems():
                upgrade(postgres.url)
                address = self._first_key(environment, url)
            self._home.write_client(address.url, address.key)
            self._home.write_service(environment)
            stack.callback(self._home.remove_service)
            variables = children_environment(environment)
            grace = Settings.model_validate(environment).stop_grace_seconds
            listen = ["--host", self._host, "--port", str(self._port)]
            for name, arguments, log, seconds in (
                ("api", listen, api_log, _API_STOP_SECONDS),
                ("worker", ["--device", self._device], worker_log, grace + _API_STOP_SECONDS),
            ):
                program = Program(
                    name,
                    arguments,
                    environment=variables,
                    directory=self._home.directory,
                    log=log,
                    stop_seconds=seconds,
                )
                self._start(Restarter(program))
            self._await_api(address.url)
            yield address

    def restart_dead(self) -> None:
        """Restart the parts that have died."""
        for part in self._parts:
            part.check()

    def cut_short(self) -> None:
        """End the graceful shutdown; called from a signal handler. Running jobs are requeued when their lease expires."""
        for part in self._parts:
            part.part.cut_short()

    def _start(self, part: Restarter) -> None:
        part.start()
        self._parts.append(part)

    def _stop(self) -> None:
        while self._parts:
            self._parts[-1].part.stop()
            self._parts.pop()

    def _pipe(self, stack: ExitStack, name: str) -> LogPipe:
        pipe = LogPipe(name, quiet=self._quiet)
        stack.callback(pipe.close)
        return pipe

    def _environment(self, database_url: str, redis_url: str) -> dict[str, str]:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STORAGE_URL": self._home.storage.as_uri(),
            "SEEDBED_SECRET": self._home.secret(),
            "SEEDBED_SECRET_PREVIOUS": ",".join(self._home.secrets()[1:]),
            "SEEDBED_CACHE_DIRECTORY": str(self._home.cache),
        }
        dashboard = package_root() / "dashboard" / "dist"
        if "SEEDBED_DASHBOARD_DIRECTORY" not in os.environ and (dashboard / "index.html").exists():
            environment["SEEDBED_DASHBOARD_DIRECTORY"] = str(dashboard)
        return environment

    def _first_key(self, environment: dict[str, str], url: str) -> Address:
        """The URL and the API key of this machine's user; a new key if there is none, or if it was revoked."""
        engine = create_engine(environment["DATABASE_URL"], application="seedbed up", pool_size=1)
        try:
            known = self._home.client()
            if known is not None and _is_valid(engine, str(known["key"]), self._home.secrets()):
                return Address(url, str(known["key"]), new_key=False)
            with write(engine) as session:
                project = projects.ensure(session, DEFAULT_PROJECT)
                _, text = keys.create(
                    session, project.id, "this machine", ["admin"], secret=environment["SEEDBED_SECRET"]
                )
            return Address(url, text, new_key=True)
        finally:
            engine.dispose()

    def _await_api(self, url: str) -> None:
        deadline = time.monotonic() + _API_START_SECONDS
        while fetch(f"{url}/healthz") is None:
            if time.monotonic() > deadline:
                raise ProblemError(
                    f"The API did not answer at {url} within {_API_START_SECONDS:.0f} s; read its log above."
                )
            self.restart_dead()
            time.sleep(0.05)


def up(home: Home, *, host: str, port: int, device: DeviceChoice) -> None:
    """Run the service until SIGINT, SIGTERM or SIGHUP.

    Raises:
        ProblemError: it did not start.
    """
    service = Service(home, host=host, port=port, device=device)
    with stop_signals(on_second=service.cut_short) as stop, service.running() as address:
        announce(address, home)
        while not stop.wait(_CHECK_SECONDS):
            service.restart_dead()
        say("stopping; running jobs write a checkpoint and resume from it at the next start")
    say("stopped")


def announce(address: Address, home: Home) -> None:
    """Print the service's address. A new key is kept in one private file, and printed only on a terminal, never to a log."""
    say(f"Seedbed is at {address.url} (data in {home.directory})")
    if address.new_key:
        if sys.stderr.isatty():
            say(f"Your admin key, shown only once: {address.key}")
        else:
            say("An admin key was made for this user.")
        say(f"It is kept in {home.directory / 'client.json'}, which only this user can read.")
    say("Ctrl-C stops it.")


@contextmanager
def stop_signals(*, on_second: Callable[[], object]) -> Iterator[threading.Event]:
    """Gives an event that the first SIGINT, SIGTERM or SIGHUP sets; each further one calls `on_second`."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            say("not waiting any longer")
            on_second()
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, on_signal) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def check_device(device: DeviceChoice) -> None:
    """Check that this machine has the device.

    Raises:
        ProblemError: it has not.
    """
    try:
        describe(device)
    except NoDeviceError as error:
        raise ProblemError(str(error)) from error


def _is_valid(engine: Engine, key: str, secrets: list[str]) -> bool:
    try:
        with read(engine) as session:
            keys.identify_by_digest(session, *(key_secrets.digest(key, secret) for secret in secrets))
    except Unauthorized:
        return False
    return True


@contextmanager
def _as_problems() -> Iterator[None]:
    """Turns a `SeedbedError` into a `ProblemError` with its detail as the message."""
    try:
        yield
    except SeedbedError as error:
        raise ProblemError(error.detail) from error
