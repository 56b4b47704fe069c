"""A hundred event streams, half opened with a key and half with a session; then the key is revoked, the session signed out."""

import contextlib
import threading
import time
from typing import Any

import httpx

from benchmarks.hostile.target import NotDelivered, Target, expect

LISTENERS = 50
WITHIN_SECONDS = 15.0
TEXT = b"\n\n".join(b"Document %d of a corpus that is large enough." % number for number in range(2000))


def attack(target: Target) -> None:
    """All streams end within seconds, and the session's cookie is refused when it is sent again."""
    with target.client(target.admin) as admin:
        job = _job(target, admin)
        made = expect(admin.post("/v1/keys", json={"name": "listener", "scopes": ["read"]}), 201).json()
        target.secrets.append(made["secret"])
        with target.anonymous() as browser:
            expect(browser.post("/v1/session", json={"key": made["secret"]}), 200)
            cookie = browser.cookies["seedbed_session"]
            target.secrets.append(cookie)
            signed_in = {"Cookie": f"seedbed_session={cookie}"}
            _all_end(target, job, signed_in, lambda: expect(browser.delete("/v1/session"), 204))
            with target.anonymous() as other_browser:
                expect(other_browser.get("/v1/jobs", headers=signed_in), 401, code="session_expired")
        by_key = {"Authorization": f"Bearer {made['secret']}"}
        _all_end(target, job, by_key, lambda: expect(admin.delete(f"/v1/keys/{made['id']}"), 204))
        expect(admin.post(f"/v1/jobs/{job}/cancel"), 200)


def _job(target: Target, admin: httpx.Client) -> str:
    """A job that has not ended and does not run."""
    dataset = target.dataset(admin, "listened to")
    expect(admin.put(f"/v1/datasets/{dataset}/files/corpus.txt", content=TEXT), 201)
    expect(admin.post(f"/v1/datasets/{dataset}/complete"), 200)
    spec: dict[str, Any] = {
        "name": "listened to",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny"},
        "training": {"steps": 1_000_000, "batch_size": 8, "sequence_length": 64},
    }
    job = str(expect(admin.post("/v1/jobs", json=spec), 201).json()["id"])
    expect(admin.post(f"/v1/jobs/{job}/pause"), 200)
    return job


def _all_end(target: Target, job: str, headers: dict[str, str], revoke: Any) -> None:
    """Open the streams, call ``revoke`` once all are open, and wait until all have ended."""
    begun = threading.Barrier(LISTENERS + 1, timeout=60)
    revoked = threading.Event()

    def listen(_: int) -> float:
        with (
            target.anonymous() as client,
            client.stream("GET", f"/v1/jobs/{job}/stream", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                begun.abort()
                raise NotDelivered(f"a stream answered {answer.status_code}")
            lines = answer.iter_lines()
            next(lines)
            begun.wait()
            revoked.wait()
            since = time.monotonic()
            with contextlib.suppress(httpx.TransportError):
                for _line in lines:
                    pass
            return time.monotonic() - since

    def end() -> None:
        begun.wait()
        revoke()
        revoked.set()

    ender = threading.Thread(target=end)
    ender.start()
    slowest = max(target.together(LISTENERS, listen))
    ender.join()
    if slowest > WITHIN_SECONDS:
        raise NotDelivered(f"a stream continued for {slowest:.0f} s after its key or session was revoked")
