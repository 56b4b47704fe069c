"""`Target`: the address and keys that an attack uses."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

TIMEOUT_SECONDS = 60.0


class NotDelivered(Exception):
    """The service did not answer as the attack expects, so the attack measured nothing."""


@dataclass(frozen=True)
class Target:
    """The service's address, and keys of the project ``hostile``, which only the attacks use."""

    url: str
    admin: str
    write: str
    read: str
    secrets: list[str] = field(default_factory=list)
    """Further secrets that an attack received or made (keys, cookies); no log may contain them."""

    def client(self, key: str | None = None) -> httpx.Client:
        """A client with the given key; default: the key with the scope ``write``."""
        headers = {"Authorization": f"Bearer {self.write if key is None else key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS)

    def anonymous(self) -> httpx.Client:
        """A client without a key."""
        return httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS)

    def connect(self) -> socket.socket:
        """A TCP connection, for requests that no HTTP client would send."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)

    def dataset(self, client: httpx.Client, name: str, modality: str = "text") -> str:
        """Make a dataset that accepts files, and return its id."""
        answer = client.post("/v1/datasets", json={"name": name, "modality": modality})
        return str(expect(answer, 201).json()["id"])

    def together(self, times: int, act: Callable[[int], Any]) -> list[Any]:
        """Call ``act`` with 0, 1, … at the same time, and return the results in that order."""
        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(act, range(times)))


def expect(
    answer: httpx.Response, *statuses: int, code: str | None = None, at_most: int | None = None
) -> httpx.Response:
    """Check an answer and return it.

    Args:
        code: The problem's required code.
        at_most: The largest allowed size of the body, in bytes.

    Raises:
        NotDelivered: its status or code is another one, or its body is longer.
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
