"""The work and the response for a body are bounded by the limits of its route."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.strict_json import DEEPEST, SMALL_BYTES, SPEC_BYTES
from tests.api.conftest import Keys, RequestLog, problem

JSON = {"Content-Type": "application/json"}
MOST_OF_AN_ANSWER = 40_000
"""Bytes: 20 problems, each with a name and a message of some hundred characters."""


def unknown(number: int) -> bytes:
    return b"{" + b",".join(b'"k%d":1' % index for index in range(number)) + b"}"


SMALL = ["/v1/session", "/v1/keys"]
SPECS = ["/v1/datasets", "/v1/jobs", "/v1/jobs/validate", "/v1/jobs/estimate", "/v1/jobs/preview"]


@pytest.mark.parametrize("path", [*SMALL, *SPECS])
def test_of_many_problems_the_first_are_listed_and_the_others_counted(
    client: httpx.Client, path: str
) -> None:
    answer = client.post(path, content=unknown(700), headers=JSON)
    body = answer.json()
    assert answer.status_code == (200 if path.endswith("validate") else 422)
    assert len(body["errors"]) == 20
    assert body["errors_omitted"] >= 680
    assert len(answer.content) < MOST_OF_AN_ANSWER
    if "detail" in body:
        assert f"{body['errors_omitted'] + 19:,} more" in body["detail"]


@pytest.mark.parametrize("path", [*SMALL, *SPECS])
def test_each_route_takes_a_body_that_fits_it(client: httpx.Client, path: str) -> None:
    at_most = SMALL_BYTES if path in SMALL else SPEC_BYTES
    for body in (unknown(90_000), b" " * (at_most + 1), b'{"name": "' + b"x" * at_most + b'"}'):
        refused = client.post(path, content=body, headers=JSON)
        problem(refused, 413, "body_too_large")
        assert len(refused.content) < 1000
        chunked = client.post(
            path, content=iter([body[i : i + 1000] for i in range(0, len(body), 1000)]), headers=JSON
        )
        problem(chunked, 413, "body_too_large")


@pytest.mark.parametrize("path", SPECS)
def test_a_body_with_too_many_values_is_refused(client: httpx.Client, path: str) -> None:
    for body in (unknown(2001), b'{"a": [' + b"[]," * 2000 + b"0]}", b"[" + b"0," * 60_000 + b"0]"):
        problem(client.post(path, content=body, headers=JSON), 413, "body_too_large")
    inside = client.post(path, content=unknown(1900), headers=JSON).json()
    assert inside["errors_omitted"] >= 1880


LONG = "x" * 7000
ECHOES: dict[str, Any] = {
    "a long name": {LONG: 1},
    "a long name that is nearly right": {"name" * 1500: 1},
    "a long value of a choice": {"name": "x", "modality": LONG},
    "a value of a choice that is a list": {"name": "x", "modality": [1] * 1500},
    "a long string": {"name": LONG},
    "a number of thousands of digits": {"name": 10**4000},
}


def test_input_repeated_in_an_error_is_shortened(client: httpx.Client, subtests: pytest.Subtests) -> None:
    for what, body in ECHOES.items():
        with subtests.test(what):
            answer = client.post("/v1/datasets", json=body)
            assert answer.status_code == 422
            assert len(answer.content) < 5000, answer.text


def test_input_repeated_by_validation_is_shortened(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs/validate", json={"y" * 100_000: 1, "task": {"kind": "z" * 1000}})
    assert answer.status_code == 200
    assert len(answer.content) < 5000


NO_JSON = {
    "a name twice": b'{"name": "a", "name": "b"}',
    "a name twice, deep inside": b'{"a": [{"b": {"c": 1, "c": 2}}]}',
    "a long name twice": b'{"' + b"n" * 3000 + b'": 1, "' + b"n" * 3000 + b'": 2}',
    "an infinite number": b'{"name": 1e400}',
    "a long infinite number": b'{"name": ' + b"9" * 1000 + b"e9999}",
    "too deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "an object too deep": b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
    "bottomless": b"[" * SMALL_BYTES,
}


def test_invalid_json_is_refused_before_its_values_are_read(
    client: httpx.Client, subtests: pytest.Subtests
) -> None:
    for what, body in NO_JSON.items():
        with subtests.test(what):
            answer = client.post("/v1/datasets", content=body, headers=JSON)
            problem(answer, 400, "invalid_json")
            assert len(answer.content) < 1500


@contextmanager
def sending(url: str, path: str, headers: dict[str, str]) -> Iterator[socket.socket]:
    """The head of a POST whose body is not sent."""
    parts = urlsplit(url)
    lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        yield connection


def answered(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Status and problem of the response, which ends after one JSON object."""
    received = b""
    while not received.endswith(b"}"):
        more = connection.recv(65536)
        assert more, received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/validate", "/v1/keys", "/v1/datasets"])
def test_the_caller_is_authenticated_before_the_body_is_read(
    url: str, path: str, api_keys: Keys, project_id: str
) -> None:
    waiting = JSON | {"Content-Length": "1000"}
    with sending(url, path, waiting) as connection:
        assert answered(connection)[1]["code"] == "key_missing"
    with sending(url, path, waiting | {"Authorization": "Bearer sb_" + "x" * 43}) as connection:
        assert answered(connection)[1]["code"] == "key_unknown"
    if path != "/v1/jobs/validate":
        reader = api_keys.make(project_id, "read")
        with sending(url, path, waiting | {"Authorization": f"Bearer {reader}"}) as connection:
            assert answered(connection)[1]["code"] == "scope_missing"


def test_a_body_that_says_it_is_too_large_is_not_read(url: str) -> None:
    for length in ("900000", "9" * 18):
        with sending(url, "/v1/session", JSON | {"Content-Length": length}) as connection:
            status, body = answered(connection)
            assert (status, body["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_arrive_times_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.strict_json.BODY_SECONDS", 0.05)
    with sending(url, "/v1/session", JSON | {"Content-Length": "100"}) as connection:
        connection.sendall(b'{"key": ')
        status, body = answered(connection)
        assert (status, body["code"]) == (408, "body_too_slow")


def test_queries_of_thousands_of_parameters(client: httpx.Client, request_log: RequestLog) -> None:
    answer = client.get("/v1/jobs?" + "&".join(f"state=s{number}" for number in range(500)))
    body = problem(answer, 422, "validation_failed", "state.0")
    assert (len(body["errors"]), body["errors_omitted"]) == (20, 480)
    assert client.get("/v1/jobs?" + "&".join(f"q{number}=1" for number in range(700))).status_code == 200
    assert not any(line["traceback"] for line in request_log.of(client))
