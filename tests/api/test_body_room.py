"""The bodies of predictions that one process of the API holds have a bound together, of which no project gets everything."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from api import body_room
from control.settings import Settings
from tests.api.conftest import problem

LARGE = 20 * 10**6
"""Bytes of a body of which one project has one at a time, with the room of these tests."""
PATH = "/v1/checkpoints/ckpt_" + "0" * 26 + "/predict"


@pytest.fixture
def server_settings(environment: Settings) -> Settings:
    return environment.model_copy(update={"predict_body_bytes": 2**25})


@contextmanager
def arriving(client: httpx.Client, size: int) -> Iterator[socket.socket]:
    """The head and the first bytes of a request, whose body is held although most of it is still missing."""
    parts = urlsplit(str(client.base_url))
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: {client.headers['authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {size}",
        "Expect: 100-continue",
    ]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        # The service asks for the body once it reads it, which is when it holds room for it.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        yield connection


def body(size: int) -> bytes:
    text = json.dumps({"content": ""})
    return text.replace('""', '"' + "A" * (size - len(text)) + '"').encode()


def ask(client: httpx.Client, size: int) -> httpx.Response:
    return client.post(PATH, content=body(size), headers={"Content-Type": "application/json"})


def test_a_body_waits_for_the_room_of_its_project(
    client: httpx.Client, stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with arriving(client, LARGE) as connection, monkeypatch.context() as patch:
        patch.setattr(body_room, "_WAIT_SECONDS", 0.1)
        refused = ask(client, LARGE)
        told = problem(refused, 429, "predictions_busy")
        assert told["params"] == {"case": "bodies", "limit": 2**25 * 3 // 4, "bytes": LARGE, "seconds": 5}
        assert refused.headers["Retry-After"] == "5"
        problem(ask(client, 1000), 404, "checkpoint_not_found")
        problem(ask(stranger, 10**7), 404, "checkpoint_not_found")
        problem(ask(stranger, LARGE), 429, "predictions_busy")
        connection.sendall(body(LARGE))
        assert connection.recv(1000).startswith(b"HTTP/1.1 404")
    for one in (client, stranger, client):
        problem(ask(one, LARGE), 404, "checkpoint_not_found")


def test_a_body_that_never_arrives_gives_its_room_back(client: httpx.Client) -> None:
    with arriving(client, LARGE):
        pass
    problem(ask(client, LARGE), 404, "checkpoint_not_found")


def test_a_body_of_unknown_size_counts_as_the_largest(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with arriving(client, LARGE), monkeypatch.context() as patch:
        patch.setattr(body_room, "_WAIT_SECONDS", 0.1)
        headers = {"Content-Type": "application/json"}
        problem(client.post(PATH, content=iter([b"{}"]), headers=headers), 429, "predictions_busy")
    problem(client.post(PATH, content=iter([b"{}"]), headers=headers), 404, "checkpoint_not_found")
