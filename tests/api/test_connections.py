"""Limits of connections: slow and large heads, slow bodies, clients that do not read, and many connections at once."""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from api.app import create_app
from api.connections import CUT, Limits
from api.main import Server, listen
from control.settings import Settings
from tests.api.conftest import Keys, Stored

QUICK = Limits(head_seconds=0.5, body_seconds=0.5, answer_seconds=0.5, late_seconds=0.5)
PATIENT = Limits(head_seconds=60, body_seconds=60, answer_seconds=60, late_seconds=60)


@contextlib.contextmanager
def serving(settings: Settings, limits: Limits) -> Iterator[str]:
    """The API within these limits."""
    with listen("127.0.0.1", 0) as listening:
        server = Server(
            create_app(settings), trusted_proxies=settings.trusted_proxies, grace_seconds=2, limits=limits
        )
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.end()
            thread.join()


@pytest.fixture
def quick(engine: Engine, environment: Settings) -> Iterator[str]:
    """A server with time limits of half a second."""
    with serving(environment, QUICK) as url:
        yield url


@pytest.fixture
def patient(engine: Engine, environment: Settings) -> Iterator[str]:
    """A server with long time limits."""
    with serving(environment, PATIENT) as url:
        yield url


@contextlib.contextmanager
def connected(url: str, *, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.socket() as connection:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(30)
        connection.connect((parts.hostname, parts.port))
        yield connection


def until_closed(connection: socket.socket) -> bytes:
    """All bytes received until the service closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while more := connection.recv(65536):
            received += more
    return received


def trickle(connection: socket.socket, pieces: Callable[[int], bytes]) -> bytes:
    """Send one chunk after another, twenty a second, until the service closes the connection; returns its response."""
    for number in range(600):
        with contextlib.suppress(ConnectionError):
            connection.sendall(pieces(number))
        if select.select([connection], [], [], 0.05)[0]:
            return until_closed(connection)
    raise AssertionError("the service still listens after half a minute")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def code(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


class TestHeads:
    def test_a_connection_that_sends_nothing_ends(self, quick: str) -> None:
        with connected(quick) as connection:
            assert until_closed(connection) == b""

    @pytest.mark.parametrize("begun", [b"G", b"\r\n", HEAD, HEAD + b"X-Slow: "])
    def test_a_head_that_does_not_end_is_refused(self, quick: str, begun: bytes) -> None:
        with connected(quick) as connection:
            connection.sendall(begun)
            answer = until_closed(connection)
            assert (status(answer), code(answer)) == (408, "head_too_slow")

    def test_a_head_sent_byte_by_byte_times_out(self, quick: str) -> None:
        with connected(quick) as connection:
            connection.sendall(HEAD)
            answer = trickle(connection, lambda number: b"X-%d: 1\r\n" % number)
            assert (status(answer), code(answer)) == (408, "head_too_slow")

    def test_each_request_of_a_connection_has_the_same_time_limit(self, quick: str) -> None:
        with connected(quick) as connection:
            connection.sendall(HEAD + b"\r\n")
            assert status(connection.recv(65536)) == 200
            answer = trickle(connection, lambda number: b"\r\n" if number == 0 else b"G"[number - 1 : number])
            assert status(answer) == 408

    @pytest.mark.parametrize(
        ("head", "refused"),
        [
            (b"GET /healthz?" + b"q" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (414, "url_too_long")),
            (HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(101)) + b"\r\n", (431, "head_too_large")),
            (HEAD + b"X: " + b"x" * 40_000 + b"\r\n\r\n", (431, "head_too_large")),
            (HEAD + b"Cookie: " + b"a=b; " * 8000 + b"\r\n\r\n", (431, "head_too_large")),
            (HEAD + b"X: " + b"x" * 400_000, (431, "head_too_large")),
            (b"GET /" + b"q" * 400_000, (414, "url_too_long")),
        ],
    )
    def test_a_head_that_is_too_large_is_refused(
        self, patient: str, head: bytes, refused: tuple[int, str]
    ) -> None:
        with connected(patient) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head)
            answer = until_closed(connection)
            # If it is closed with unread bytes, the connection may be reset before the response arrives.
            assert not answer or (status(answer), code(answer)) == refused

    def test_a_head_of_many_fields_within_the_limits_is_accepted(self, patient: str) -> None:
        answer = httpx.get(f"{patient}/healthz", headers={f"X-{number}": "x" * 250 for number in range(90)})
        assert answer.status_code == 200

    def test_trailer_fields_after_a_body_are_not_used_as_header_fields(
        self, patient: str, api_keys: Keys, project_id: str
    ) -> None:
        key = api_keys.make(project_id, "write").encode()
        with connected(patient) as connection:
            connection.sendall(
                b"POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\ne\r\n" + b'{"name": "no"}' + b"\r\n0\r\n"
                b"Authorization: Bearer " + key + b"\r\n\r\n"
            )
            assert status(until_closed(connection)) == 401

    def test_of_many_pipelined_requests_some_are_answered(self, patient: str) -> None:
        before = _cut("pipelined")
        with connected(patient) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall((HEAD + b"\r\n") * 2000)
            until_closed(connection)
        assert _cut("pipelined") == before + 1


def _cut(limit: str) -> float:
    return CUT.labels(limit)._value.get()


class TestBodies:
    def post(self, length: int) -> bytes:
        return (
            b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % length
        )

    def test_a_body_that_does_not_arrive_is_cut_off(self, quick: str) -> None:
        with connected(quick) as connection:
            connection.sendall(self.post(5000) + b'{"key":')
            until_closed(connection)

    def test_a_body_sent_byte_by_byte_is_cut_off(self, quick: str) -> None:
        with connected(quick) as connection:
            connection.sendall(self.post(5000))
            trickle(connection, lambda _: b" ")

    def test_an_upload_sent_byte_by_byte_is_cut_off(
        self, quick: str, client: httpx.Client, dataset_id: str
    ) -> None:
        with connected(quick) as connection:
            connection.sendall(
                f"PUT /v1/datasets/{dataset_id}/files/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n"
                f"Authorization: {client.headers['authorization']}\r\n\r\n".encode()
            )
            trickle(connection, lambda _: b"a")
        assert client.get(f"/v1/datasets/{dataset_id}").json()["files"] == 0

    def test_an_upload_that_is_slow_but_steady_is_accepted(
        self, environment: Settings, client: httpx.Client, dataset_id: str
    ) -> None:
        def pieces() -> Iterator[bytes]:
            for _ in range(30):
                threading.Event().wait(0.05)
                yield b"a word " * 100

        with serving(environment, replace(QUICK, body_seconds=0.7)) as url:
            sent = httpx.put(
                f"{url}/v1/datasets/{dataset_id}/files/a.txt",
                content=pieces(),
                headers={"Authorization": client.headers["authorization"]},
                timeout=30,
            )
        assert sent.status_code == 201

    def test_data_sent_after_the_response_are_read_only_for_a_limited_time(self, quick: str) -> None:
        with connected(quick) as connection:
            connection.sendall(self.post(10**12))
            assert status(connection.recv(65536)) == 413
            trickle(connection, lambda _: b" " * 10_000)

    def test_many_tiny_chunks_are_refused(self, patient: str, client: httpx.Client, dataset_id: str) -> None:
        before = _cut("framing")
        with connected(patient) as connection:
            connection.sendall(
                f"PUT /v1/datasets/{dataset_id}/files/a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                f"Authorization: {client.headers['authorization']}\r\n\r\n".encode()
            )
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    connection.sendall(b"1;" + b"x" * 8000 + b"\r\na\r\n")
            until_closed(connection)
        assert _cut("framing") == before + 1


def test_a_client_that_does_not_read_its_response_is_disconnected(
    quick: str, client: httpx.Client, checkpoint: Stored
) -> None:
    before = _cut("answer")
    with connected(quick, receive_buffer=4096) as connection:
        connection.sendall(
            f"GET {checkpoint.url()} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {client.headers['authorization']}\r\n\r\n".encode()
        )
        # Nothing is read, so the closing by the service shows as a broken connection.
        broken = select.poll()
        broken.register(connection, select.POLLHUP | select.POLLERR)
        assert broken.poll(30_000)
    assert _cut("answer") == before + 1


def test_above_the_limit_idle_connections_are_closed_first(environment: Settings, engine: Engine) -> None:
    with serving(environment, replace(PATIENT, connections=20)) as url, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(url)) for _ in range(60)]
        assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200
        for connection in idle[:40]:
            assert until_closed(connection) == b""
