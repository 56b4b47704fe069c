"""Thousands of header fields and cookies, URLs of hundreds of kilobytes, and a thousand pipelined requests."""

import contextlib

from benchmarks.hostile.target import NotDelivered, Target

TIMES = 50
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
REFUSED = {
    b"GET /v1/jobs?" + b"state=x&" * 50_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": (b"414",),
    HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(5000)) + b"\r\n": (b"431",),
    HEAD + b"Cookie: " + b"seedbed_session=x; " * 20_000 + b"\r\n\r\n": (b"431",),
    (HEAD + b"\r\n") * 1000: (b"200",),
}


def attack(target: Target) -> None:
    """Large heads are refused; some pipelined requests are answered. A connection that is closed early may lose its answer."""
    answered = dict.fromkeys(REFUSED, 0)
    for _ in range(TIMES):
        for sent, statuses in REFUSED.items():
            with target.connect() as connection:
                received = b""
                with contextlib.suppress(ConnectionError):
                    connection.sendall(sent)
                with contextlib.suppress(ConnectionError):
                    while not received and (more := connection.recv(65536)):
                        received += more
                if not received and sent.endswith(b"\r\n\r\n") and sent.count(HEAD) > 1:
                    received = b"HTTP/1.1 200"  # closed in the middle of the pipeline: earlier answers may be lost with the connection
                if received and received.split(b" ", 2)[1] not in statuses:
                    raise NotDelivered(f"{sent[:40]!r} was answered with {received[:200]!r}")
                answered[sent] += bool(received)
    if not all(answered.values()):
        raise NotDelivered(
            f"never answered: {[sent[:40] for sent, number in answered.items() if not number]}"
        )
