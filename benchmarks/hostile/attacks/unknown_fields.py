"""Repeated sign-in requests of 852 KB with 90,000 unknown fields, without a key."""

from benchmarks.hostile.target import Target, expect

FIELDS = 90_000
TIMES = 5


def attack(target: Target) -> None:
    """The body is refused before it is parsed: the route limits its size."""
    body = b"{" + b",".join(b'"k%d":1' % number for number in range(FIELDS)) + b"}"
    with target.anonymous() as client:
        for _ in range(TIMES):
            answer = client.post("/v1/session", content=body, headers={"Content-Type": "application/json"})
            expect(answer, 413, code="body_too_large", at_most=10_000)
