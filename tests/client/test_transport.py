"""Requests of the client: errors, retries, keys."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import seedbed

from tests.client.conftest import SPEC, Service
from tests.client.faulty_proxy import Fault, FaultyProxy

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[http.server.BaseHTTPRequestHandler, int], Answer]


@pytest.fixture
def odd_server() -> Iterator[Callable[[Handler], str]]:
    """Starts servers with responses unlike Seedbed's, from a function of the request and its number from 0."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Handler) -> str:
        seen = iter(range(1_000_000))

        class Odd(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, body = answer(self, next(seen))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = respond  # noqa: N815 - the names that http.server looks for

            def log_message(self, *arguments: object) -> None:
                """Log nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def problem(status: int, code: str, **headers: str) -> Answer:
    body = {
        "type": "x",
        "title": "x",
        "status": status,
        "code": code,
        "detail": "Something.",
        "request_id": "r1",
    }
    return status, {"Content-Type": "application/problem+json", **headers}, json.dumps(body).encode()


def ok(document: Any) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


EMPTY = {"object": "list", "data": [], "has_more": False, "next": None}


def test_a_wrong_key_raises_unauthorized(service: Service) -> None:
    with seedbed.Client(service.url, "sb_wrong") as client, pytest.raises(seedbed.Unauthorized) as caught:
        client.whoami()
    assert caught.value.status == 401
    assert caught.value.code == "key_unknown"
    assert caught.value.request_id


def test_a_key_without_the_scope_is_forbidden(service: Service, client: seedbed.Client) -> None:
    reader = client.keys.create("reader", scopes=["read"])
    with seedbed.Client(service.url, reader.secret) as reading:
        assert reading.whoami().key.id == reader.id
        with pytest.raises(seedbed.Forbidden) as caught:
            reading.datasets.create("docs")
    assert caught.value.code == "scope_missing"


def test_keys_are_created_listed_and_revoked(service: Service, client: seedbed.Client) -> None:
    made = client.keys.create("laptop")
    assert made.scopes == ["read", "write"]
    assert made.secret.endswith(made.hint)
    assert made.id in {key.id for key in client.keys.list()}
    with seedbed.Client(service.url, made.secret) as other:
        assert other.whoami().key.name == "laptop"
        client.keys.revoke(made.id)
        with pytest.raises(seedbed.Unauthorized) as caught:
            other.whoami()
    assert caught.value.code == "key_revoked"


def test_a_creation_whose_response_was_lost_creates_once(faulty: seedbed.Client, proxy: FaultyProxy) -> None:
    proxy.troubles.append(Fault(on=b"POST /v1/datasets", cut_after=30))
    made = faulty.datasets.create("docs")
    posts = [request for request in proxy.requests if request.startswith(b"POST")]
    assert len(posts) == 2
    assert [dataset.id for dataset in faulty.datasets.list()] == [made.id]


def test_an_action_whose_response_was_lost_is_not_repeated(
    faulty: seedbed.Client, proxy: FaultyProxy, job: str
) -> None:
    proxy.troubles.append(Fault(on=b"/pause", cut_after=0))
    with pytest.raises(seedbed.Unreachable, match="stopped answering"):
        faulty.jobs.pause(job)
    assert sum(b"/pause" in request for request in proxy.requests) == 1
    assert faulty.jobs.get(job).intent == "pause"


def test_a_get_request_is_retried_until_it_succeeds(odd_server: Callable[[Handler], str]) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        return [problem(503, "database_unavailable"), problem(502, "bad_gateway"), ok(EMPTY)][number]

    with seedbed.Client(odd_server(answer), "sb_x") as client:
        assert list(client.datasets.list()) == []


def test_retry_after_is_respected(
    odd_server: Callable[[Handler], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("seedbed.transport.time.sleep", slept.append)

    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        return problem(429, "slow_down", **{"Retry-After": "3"})

    with (
        seedbed.Client(odd_server(answer), "sb_x", retries=2) as client,
        pytest.raises(seedbed.RateLimited) as caught,
    ):
        client.jobs.pause("job_1")
    assert caught.value.code == "slow_down"
    assert [round(seconds) for seconds in slept] == [pytest.approx(3, abs=1)] * 2


def test_a_creation_that_is_still_in_progress_is_awaited(
    odd_server: Callable[[Handler], str],
) -> None:
    keys: list[str] = []

    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        keys.append(request.headers["Idempotency-Key"])
        return problem(409, "idempotency_in_flight") if number == 0 else problem(409, "other")

    with seedbed.Client(odd_server(answer), "sb_x") as client, pytest.raises(seedbed.Conflict) as caught:
        client.datasets.create("docs")
    assert caught.value.code == "other"
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_the_key_is_not_sent_to_a_redirect(odd_server: Callable[[Handler], str]) -> None:
    reached: list[str] = []

    def elsewhere(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        reached.append(request.path)
        return ok(EMPTY)

    there = odd_server(elsewhere)

    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        return 307, {"Location": f"{there}{request.path}"}, b""

    with (
        seedbed.Client(odd_server(answer), "sb_x") as client,
        pytest.raises(seedbed.Unreachable, match="redirects"),
    ):
        client.whoami()
    assert reached == []


def test_a_response_of_another_server_is_reported(odd_server: Callable[[Handler], str]) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        return 404, {"Content-Type": "text/html"}, b"<h1>Not here</h1>"

    with seedbed.Client(odd_server(answer), "sb_x") as client, pytest.raises(seedbed.NotFound) as caught:
        client.whoami()
    assert caught.value.code == "http_404"
    assert "Is the URL right" in caught.value.detail


def test_fields_of_a_newer_service_are_kept(odd_server: Callable[[Handler], str]) -> None:
    worker = {
        "object": "worker", "id": "wrk_1", "name": "w", "state": "hibernating", "device": "tpu",
        "device_name": "TPU", "memory_bytes": 1, "threads": 1, "version": "9", "job": None, "details": {},
        "started_at": "2030-01-01T00:00:00Z", "last_seen_at": "2030-01-01T00:00:00Z", "rack": {"row": 7},
    }  # fmt: skip

    def answer(request: http.server.BaseHTTPRequestHandler, number: int) -> Answer:
        return ok(EMPTY | {"data": [worker]})

    with seedbed.Client(odd_server(answer), "sb_x") as client:
        (found,) = client.workers.list()
    assert found.state == "hibernating"
    assert found.model_dump()["rack"] == {"row": 7}


def test_an_unreachable_service_is_reported() -> None:
    with (
        seedbed.Client("http://127.0.0.1:1", "sb_x", retries=0) as client,
        pytest.raises(seedbed.Unreachable, match="Is the service running there"),
    ):
        client.whoami()


def test_each_field_has_its_own_error(client: seedbed.Client, dataset: str) -> None:
    wrong = SPEC | {"training": {"stepz": 3, "batch_size": 8}, "model": {"preset": "bert-mimi"}}
    with pytest.raises(seedbed.Invalid) as caught:
        client.jobs.submit(wrong, dataset=dataset)
    found = {error.param: error for error in caught.value.errors}
    assert found["training.stepz"].suggestion == "steps"
    assert found["model.preset"].suggestion == "bert-mini"
    assert found["training.steps"].code == "missing"
