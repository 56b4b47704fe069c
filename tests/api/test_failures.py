"""After an exception anywhere, the client gets a response, the log one bounded entry, and other requests are served."""

import asyncio
import io
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, NoReturn

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from sqlalchemy import Engine, text

from api.app import create_app
from api.main import Server, listen
from control.db import write
from control.logs import configure
from control.settings import Settings
from tests.api.conftest import problem

MOST_BYTES = 48_000


class Spy:
    """Fails the test if its representation is computed, that is, if a local variable is logged."""

    seen = False

    def __repr__(self) -> str:
        type(self).seen = True
        return "a local variable"


def _chained(length: int) -> Exception:
    first: Exception = ValueError("the beginning")
    for _ in range(length):
        after = RuntimeError("x" * 100_000)
        after.__cause__ = first
        first = after
    return first


def _recursion(depth: int = 0) -> NoReturn:
    spy = Spy()
    _recursion(depth + 1 if spy else 0)


RAISED: dict[str, Callable[[], object]] = {
    "long message": lambda: _fail(ValueError("x" * 3_000_000)),
    "chain": lambda: _fail(_chained(2000)),
    "group": lambda: _fail(ExceptionGroup("many", [_chained(3) for _ in range(2000)])),
    "no Exception": lambda: _fail(BaseExceptionGroup("odd", [SystemExit(1)])),
    "exit": lambda: _fail(SystemExit(3)),
    "recursion": _recursion,
    "cancelled by nobody": lambda: _fail(asyncio.CancelledError()),
}


def _fail(error: BaseException) -> NoReturn:
    spy = Spy()
    assert not spy.seen
    raise error


async def _failing(kind: str) -> object:
    return RAISED[kind]()


def _add_routes(app: FastAPI) -> None:
    async def in_coroutine(kind: str) -> None:
        RAISED[kind]()

    def in_thread(kind: str) -> None:
        RAISED[kind]()

    async def in_dependency(kind: str, _: Annotated[object, Depends(_failing)]) -> str:
        return kind

    async def in_background(kind: str, tasks: BackgroundTasks) -> str:
        tasks.add_task(RAISED[kind])
        return kind

    async def in_stream(kind: str) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"the first piece"
            RAISED[kind]()

        return StreamingResponse(pieces())

    for endpoint in (in_coroutine, in_thread, in_dependency, in_background, in_stream):
        app.router.routes.insert(0, APIRoute(f"/v1/{endpoint.__name__}", endpoint, response_model=None))


class Log(io.StringIO):
    """The service's log."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()

    def write(self, written: str) -> int:
        with self._written:
            count = super().write(written)
            self._written.notify_all()
        return count

    def failure(self) -> str:
        """Wait for the single entry about a failure; the log is then cleared."""
        with self._written:
            assert self._written.wait_for(lambda: '"exception"' in self.getvalue(), timeout=60)
            lines = self.getvalue().splitlines()
            self.seek(0)
            self.truncate()
        (line,) = (line for line in lines if '"exception"' in line)
        assert sum(map(len, lines)) < MOST_BYTES
        return line


@pytest.fixture
def log() -> Iterator[Log]:
    """The log of this process, configured as the API's."""
    stream = Log()
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    stderr, sys.stderr = sys.stderr, stream
    try:
        configure("json")
        sys.stderr = stderr
        yield stream
    finally:
        sys.stderr = stderr
        root.handlers, level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
        root.setLevel(level)


@pytest.fixture
def failing(engine: Engine, environment: Settings, log: Log) -> Iterator[httpx.Client]:
    """A service with routes that fail."""
    app = create_app(environment)
    _add_routes(app)
    assert log is not None
    with listen("127.0.0.1", 0) as listening:
        server = Server(app, grace_seconds=2)
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        host, port = listening.getsockname()
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
            yield client
        server.end()
        thread.join()


@pytest.mark.parametrize("place", ["in_coroutine", "in_thread", "in_dependency"])
def test_an_unexpected_error_is_one_response_and_one_log_entry(
    failing: httpx.Client, log: Log, place: str
) -> None:
    key = "sb_" + "k" * 43
    for kind in RAISED:
        headers = {"Authorization": f"Bearer {key}"}
        answer = failing.get(f"/v1/{place}", params={"kind": kind}, headers=headers)
        problem(answer, 500, "internal")
        line = log.failure()
        assert answer.headers["x-request-id"] in line
        assert key not in line
        assert not Spy.seen
        assert failing.get("/healthz").status_code == 200


def test_an_error_after_the_response_is_one_log_entry(failing: httpx.Client, log: Log) -> None:
    for kind in RAISED:
        assert failing.get("/v1/in_background", params={"kind": kind}).status_code == 200
        log.failure()


def test_an_aborted_response_is_recognisably_incomplete(failing: httpx.Client, log: Log) -> None:
    for kind in ("long message", "chain", "group", "recursion"):
        with pytest.raises(httpx.RemoteProtocolError):
            failing.get("/v1/in_stream", params={"kind": kind})
        assert "without completing" not in log.getvalue()
        log.failure()


def test_errors_of_the_database_show_no_values(
    engine: Engine, client: httpx.Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = f"what somebody {'stored'}"

    def fail(*_: object, **__: object) -> None:
        with write(engine) as session:
            session.execute(text("SELECT no_such_column, :value"), {"value": stored})

    monkeypatch.setattr("control.datasets.service.list_datasets", fail)
    problem(client.get("/v1/datasets"), 500, "internal")
    line = log.failure()
    assert "no_such_column" in line
    assert stored not in line
