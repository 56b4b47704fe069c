"""Two thousand attempts to sign in, from one address and with one key prefix, and as many requests with invalid keys."""

import secrets

from benchmarks.hostile.target import NotDelivered, Target, expect

ATTEMPTS = 100
ADDRESS = {"X-Forwarded-For": "198.51.100.7"}
"""This machine is a trusted proxy, so the header sets the client's address. Other attacks sign in from the real address."""


def attack(target: Target) -> None:
    """After ten attempts, each is refused before its key is looked up; a request with an invalid key still gets a 401."""

    def attempt(_: int) -> int:
        throttled = 0
        with target.anonymous() as client:
            for _ in range(ATTEMPTS):
                key = f"sb_{secrets.token_urlsafe(32)}"
                answer = client.post("/v1/session", json={"key": key}, headers=ADDRESS)
                throttled += expect(answer, 401, 429).status_code == 429
                headers = {"Authorization": f"Bearer {key}"}
                expect(client.get("/v1/jobs", headers=headers), 401, code="key_unknown")
        return throttled

    throttled = sum(target.together(20, attempt))
    if throttled < 20 * ATTEMPTS * 0.9:
        raise NotDelivered(f"only {throttled} of {20 * ATTEMPTS} attempts were throttled")
