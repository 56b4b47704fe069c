"""Twenty clients at once send specs at the limits: unknown fields, deep nesting, many keys, long values, repeated keys, chunks."""

from collections.abc import Iterator

import httpx

from benchmarks.hostile.target import Target, expect

ROUNDS = 5
JSON = {"Content-Type": "application/json"}
LARGEST_ANSWER = 40_000

BODIES: list[tuple[bytes, int]] = [
    (b"{" + b",".join(b'"k%d":1' % number for number in range(1900)) + b"}", 422),
    (b"{" + b",".join(b'"%d":1' % number for number in range(12_000)) + b"}", 413),
    (b"[" * 100_000, 400),
    (b'{"a":' * 30 + b"1" + b"}" * 30, 422),
    (b'{"name":' + b"9" * 4000 + b"}", 422),
    (b'{"' + b"n" * 60_000 + b'":1,"task":{"kind":"' + b"k" * 60_000 + b'"}}', 422),
    (b"{" + b'"name":"x",' * 10_000 + b'"name":"y"}', 400),
    (b'{"name":1e999}', 400),
    (b"[" + b"0," * 60_000 + b"0]", 413),
    (b" " * 900_000, 413),
]


def attack(target: Target) -> None:
    """Each body is refused with the documented code, in an answer of some kilobytes."""

    def send(number: int) -> None:
        with target.client() as client:
            for turn in range(ROUNDS * len(BODIES)):
                body, status = BODIES[(turn + number) % len(BODIES)]
                content: bytes | Iterator[bytes] = body
                if turn % 2:
                    content = (body[at : at + 8192] for at in range(0, len(body), 8192))
                expect(_post(client, content), status, at_most=LARGEST_ANSWER)

    target.together(20, send)


def _post(client: httpx.Client, content: bytes | Iterator[bytes]) -> httpx.Response:
    return client.post("/v1/jobs", content=content, headers=JSON)
