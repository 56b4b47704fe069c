"""Open requests end when their credentials become invalid: revoked keys, ended or expired sessions, deleted keys."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, delete, text, update

from api.connections import CUT
from api.identity_cache import IdentityCache
from control.db import ReadSession, write
from control.keys import service
from control.keys.models import ApiKey
from control.keys.secrets import SessionToken
from control.settings import Settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from tests.api.conftest import Keys, Stored, problem
from tests.factories import make_dataset, make_running, make_spec

CSRF = {"X-Seedbed-Csrf": "1"}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are checked ten times a second, without a cache."""
    monkeypatch.setattr("api.credential_check.CHECK_SECONDS", 0.1)
    monkeypatch.setattr("api.identity_cache.FRESH_SECONDS", 0.0)


@pytest.fixture
def job_id(engine: Engine, project_id: str) -> str:
    """A running job, about which no further wake-up is sent."""
    with write(engine) as session:
        return make_running(session, project_id=project_id)[0].id


@pytest.fixture
def key(api_keys: Keys, project_id: str) -> str:
    return api_keys.make(project_id, "write")


Ending = Callable[[], object]


@pytest.fixture(params=["revoked here", "revoked elsewhere", "deleted with its row"])
def end_key(
    request: pytest.FixtureRequest, client: httpx.Client, engine: Engine, api_keys: Keys, key: str
) -> Ending:
    """Makes the key invalid in one of the possible ways."""
    key_id = api_keys.made[key]

    def revoke_elsewhere() -> None:
        with write(engine) as session:
            session.execute(update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=datetime.now(UTC)))

    def remove() -> None:
        with write(engine) as session:
            session.execute(delete(ApiKey).where(ApiKey.id == key_id))

    return {
        "revoked here": lambda: client.delete(f"/v1/keys/{key_id}").raise_for_status(),
        "revoked elsewhere": revoke_elsewhere,
        "deleted with its row": remove,
    }[request.param]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def ends(client: httpx.Client, path: str, headers: dict[str, str], act: Ending) -> None:
    """Check that the stream at the path, which would otherwise not end, ends properly after the action."""
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        act()
        assert "event: end" not in list(lines)


def test_a_stream_ends_when_its_key_is_revoked(
    anonymous: httpx.Client, job_id: str, key: str, end_key: Ending
) -> None:
    ends(anonymous, f"/v1/jobs/{job_id}/stream", bearer(key), end_key)


def test_a_stream_with_a_cookie_ends_when_its_key_is_revoked(
    anonymous: httpx.Client, job_id: str, key: str, end_key: Ending
) -> None:
    anonymous.post("/v1/session", json={"key": key}).raise_for_status()
    ends(anonymous, f"/v1/jobs/{job_id}/stream", {}, end_key)


def test_a_stream_ends_when_its_session_is_signed_out_of(
    anonymous: httpx.Client, url: str, job_id: str, key: str
) -> None:
    anonymous.post("/v1/session", json={"key": key}).raise_for_status()
    cookies = dict(anonymous.cookies)
    with httpx.Client(base_url=url, cookies=cookies, timeout=30) as listener:
        ends(listener, f"/v1/jobs/{job_id}/stream", {}, lambda: anonymous.delete("/v1/session"))


def test_a_stream_ends_when_its_session_expires(
    anonymous: httpx.Client, job_id: str, key: str, api_keys: Keys, environment: Settings
) -> None:
    token = SessionToken(api_keys.made[key], int(time.time()) + 2)
    cookie = token.sign(environment.secret.get_secret_value())
    ends(anonymous, f"/v1/jobs/{job_id}/stream", {"Cookie": f"seedbed_session={cookie}"}, lambda: None)


def test_a_short_database_outage_ends_no_stream(
    anonymous: httpx.Client, job_id: str, key: str, monkeypatch: pytest.MonkeyPatch, end_key: Ending
) -> None:
    failed = threading.Event()
    whole = IdentityCache._query

    def away(
        identity_cache: IdentityCache, ask: Callable[[ReadSession], service.Identity], proof: bytes
    ) -> service.Identity:
        if not failed.is_set():
            failed.set()
            raise OSError("away")
        return whole(identity_cache, ask, proof)

    def fail_once_then_end() -> None:
        monkeypatch.setattr(IdentityCache, "_query", away)
        assert failed.wait(20)
        end_key()

    ends(anonymous, f"/v1/jobs/{job_id}/stream", bearer(key), fail_once_then_end)


def test_the_credentials_of_a_long_poll_are_checked_again(
    anonymous: httpx.Client, engine: Engine, project_id: str, key: str, end_key: Ending
) -> None:
    with write(engine) as session:
        make_running(session, project_id=project_id)  # a worker that could run it
        spec = make_spec(make_dataset(session, project_id))
        estimate = short_jobs.create_from_spec(
            session, ESTIMATE, project_id, spec, EstimateOptions(largest_batch=False)
        ).id
    threading.Timer(0.3, end_key).start()
    answer = anonymous.get(f"/v1/estimates/{estimate}?wait=60", headers=bearer(key))
    assert answer.status_code == 401
    assert answer.json()["code"] in {"key_revoked", "key_unknown"}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not end by themselves are cut off at once."""
    monkeypatch.setattr("api.credential_check.CUT_SECONDS", 0.0)


def _ended(connection: socket.socket) -> bool:
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.fixture
def raw(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect((parts.hostname, parts.port))
        yield connection


@pytest.mark.usefixtures("at_once")
def test_an_upload_ends_when_its_key_is_revoked(
    raw: socket.socket, client: httpx.Client, key: str, end_key: Ending, dataset_id: str
) -> None:
    raw.sendall(
        f"PUT /v1/datasets/{dataset_id}/files/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        f"Authorization: Bearer {key}\r\n\r\nsome text".encode()
    )
    end_key()
    assert _ended(raw)
    assert client.get(f"/v1/datasets/{dataset_id}").json()["files"] == 0


@pytest.mark.usefixtures("at_once")
def test_a_download_ends_when_its_key_is_revoked(
    raw: socket.socket, key: str, end_key: Ending, checkpoint: Stored
) -> None:
    before = CUT.labels("revoked")._value.get()
    path = checkpoint.url("model.safetensors")
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    assert raw.recv(1000).startswith(b"HTTP/1.1 200")
    end_key()
    # What exceeds the connection's buffers has not been sent yet, and is never sent.
    received = 0
    try:
        while CUT.labels("revoked")._value.get() == before:
            threading.Event().wait(0.01)
        while more := raw.recv(65536):
            received += len(more)
    except ConnectionError:
        pass
    assert received < len(checkpoint.files["model.safetensors"])


class TestSignedOut:
    def test_a_cookie_that_was_signed_out_of_is_refused(
        self, anonymous: httpx.Client, url: str, key: str
    ) -> None:
        anonymous.post("/v1/session", json={"key": key}).raise_for_status()
        kept = {"Cookie": f"seedbed_session={anonymous.cookies['seedbed_session']}"}
        with httpx.Client(base_url=url, headers=kept, timeout=30) as thief:
            assert thief.get("/v1/jobs").status_code == 200
            assert anonymous.delete("/v1/session").status_code == 204
            problem(thief.get("/v1/jobs"), 401, "session_expired")
            problem(thief.post("/v1/datasets", json={"name": "x"}, headers=CSRF), 401, "session_expired")
            assert thief.delete("/v1/session").status_code == 204

    def test_another_encoding_of_a_signed_out_cookie_is_refused_too(
        self, anonymous: httpx.Client, url: str, key: str
    ) -> None:
        anonymous.post("/v1/session", json={"key": key}).raise_for_status()
        payload, _, signature = anonymous.cookies["seedbed_session"].partition(".")
        anonymous.delete("/v1/session")
        # The last character of 32 bytes in base64 has two unused bits.
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(signature[-1])
        with httpx.Client(base_url=url, timeout=30) as thief:
            for other in range(last - last % 4, last - last % 4 + 4):
                cookie = f"{payload}.{signature[:-1]}{alphabet[other]}"
                answer = thief.get("/v1/jobs", headers={"Cookie": f"seedbed_session={cookie}"})
                problem(answer, 401, "session_expired")

    def test_another_session_of_the_same_key_stays_valid(
        self, anonymous: httpx.Client, url: str, key: str
    ) -> None:
        with httpx.Client(base_url=url, timeout=30) as other:
            for browser in (anonymous, other):
                browser.post("/v1/session", json={"key": key}).raise_for_status()
            anonymous.delete("/v1/session")
            assert other.get("/v1/jobs").status_code == 200
            assert other.get("/v1/jobs", headers=bearer(key)).status_code == 200

    def test_the_record_of_a_signed_out_session_is_deleted_when_its_cookie_has_expired(
        self, anonymous: httpx.Client, key: str, engine: Engine
    ) -> None:
        for _ in range(2):
            anonymous.post("/v1/session", json={"key": key}).raise_for_status()
            anonymous.delete("/v1/session")
        with write(engine) as session:
            session.execute(
                text(
                    "UPDATE ended_sessions SET expires_at = now() - interval '1 second' WHERE digest = "
                    "(SELECT min(digest) FROM ended_sessions)"
                )
            )
            service.forget_ended_sessions(session)
            assert session.execute(text("SELECT count(*) FROM ended_sessions")).scalar_one() == 1
