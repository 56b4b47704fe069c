"""What an attack knows of the service that it attacks."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

TIMEOUT_SECONDS = 60.0


class NotDelivered(Exception):
    """The service did not answer as the attack expects, so that the attack measured nothing."""


@dataclass(frozen=True)
class Target:
    """The service's address, and keys of the project ``hostile``, in which attacks do what they like."""

    url: str
    admin: str
    write: str
    read: str
    secrets: list[str] = field(default_factory=list)
    """Further secrets that an attack was given or made (keys, cookies): no log may hold one of them."""

    def client(self, key: str | None = None) -> httpx.Client:
        """A client with a key; without one, by default, with the one that may write."""
        headers = {"Authorization": f"Bearer {self.write if key is None else key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS)

    def anonymous(self) -> httpx.Client:
        """A client without a key."""
        return httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS)

    def connect(self) -> socket.socket:
        """A bare connection, for what no HTTP client would send."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)

    def dataset(self, client: httpx.Client, name: str, modality: str = "text") -> str:
        """An open dataset's id."""
        answer = client.post("/v1/datasets", json={"name": name, "modality": modality})
        return str(expect(answer, 201).json()["id"])

    def together(self, times: int, act: Callable[[int], Any]) -> list[Any]:
        """Call ``act`` with 0, 1, … at the same time; what each returned, in that order."""
        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(act, range(times)))


def expect(
    answer: httpx.Response, *statuses: int, code: str | None = None, at_most: int | None = None
) -> httpx.Response:
    """The answer, if it is one of those that the attack has to get.

    Args:
        code: The problem's code.
        at_most: Bytes of the answer's body.

    Raises:
        NotDelivered: it is another one, or longer.
    """
    if answer.status_code not in statuses or (code is not None and answer.json().get("code") != code):
        wanted = " or ".join(map(str, statuses)) + (f" {code}" if code else "")
        raise NotDelivered(
            f"{answer.request.method} {answer.request.url.path[:100]} answered {answer.status_code}, not {wanted}: "
            f"{answer.text[:300]}"
        )
    if at_most is not None and len(answer.content) > at_most:
        raise NotDelivered(f"the answer has {len(answer.content):,} bytes, more than {at_most:,}")
    return answer
