"""Sends HTTP requests, retries them where that is safe, and raises the SDK's exceptions."""

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx

from seedbed.config import Config
from seedbed.errors import Unreachable, from_response

Params = Mapping[str, str | int | bool | list[str] | None]

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
CONNECT_SECONDS = 10.0

# The service did nothing with the request, whatever its method.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
REFUSED = frozenset({429})
# The service may have acted before the response was lost.
DOUBTFUL = frozenset({502, 503, 504})
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True)
class Body:
    """A body that can be sent again from its beginning."""

    open: Callable[[], Iterable[bytes]]
    headers: Mapping[str, str]


class Transport:
    """Connections to one service with one key, kept alive. Threads may share a transport.

    Args:
        config: The service and the key.
        timeout: Most seconds between two reads of a response.
        retries: Most retries of a request that failed for a temporary reason.
    """

    def __init__(self, config: Config, *, timeout: float = 60.0, retries: int = 5) -> None:
        self.url = config.url
        self.retries = retries
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=config.url,
            headers={
                "Authorization": f"Bearer {config.key}",
                "User-Agent": f"seedbed-client/{version('seedbed-client')}",
            },
            timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS),
            # A redirect would send the key to another address.
            follow_redirects=False,
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """The decoded response to a GET."""
        return self.request("GET", path, params=params).json()

    def content(self, path: str, params: Params | None = None) -> bytes:
        """The whole raw body of the response to a GET; for small bodies."""
        return self.request("GET", path, params=params).content

    def post(self, path: str, json: Any = None, *, repeatable: bool = False) -> Any:
        """The decoded response to a POST that changes something; ``repeatable``: whether the POST is idempotent."""
        return self.request("POST", path, json=json, repeatable=repeatable).json()

    def create(self, path: str, json: Any, params: Params | None = None) -> Any:
        """The decoded response to a POST that creates: it has an Idempotency-Key, so retries create nothing twice."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self.request("POST", path, params=params, json=json, headers=headers, repeatable=True).json()

    def delete(self, path: str) -> None:
        self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send a request, and retry it while that is safe and may help.

        Raises:
            ApiError: the service answered with 400 or above.
            Unreachable: it did not answer.
        """
        sent = {**(headers or {}), **(body.headers if body else {})}
        safe = repeatable if repeatable is not None else method in IDEMPOTENT
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                response = self._http.request(
                    method,
                    path,
                    params=_present(params),
                    json=json,
                    content=body.open() if body else None,
                    headers=sent,
                    timeout=httpx.Timeout(timeout or self._timeout, connect=CONNECT_SECONDS),
                )
            except httpx.TransportError as error:
                if last or not (safe or isinstance(error, NOT_SENT)):
                    raise self._unreachable(error) from error
                pause(attempt)
                continue
            if response.status_code < 400:
                _refuse_redirect(response)
                return response
            if method == "DELETE" and response.status_code == 404 and attempt:
                return response  # the previous attempt succeeded, and its response was lost
            if last or not _may_pass(response, safe=safe):
                raise from_response(response)
            pause(attempt, _retry_after(response))
        raise AssertionError("the last attempt returns or raises")

    @contextlib.contextmanager
    def stream(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
        json: Any = None,
    ) -> Iterator[httpx.Response]:
        """One GET, or a POST of ``json``, whose response is read in chunks. Not retried here: the caller knows from where to continue.

        Raises:
            ApiError: the service answered with 400 or above.
            Unreachable: the connection failed, also while the answer is read.
        """
        timeout = httpx.Timeout(silence or self._timeout, connect=CONNECT_SECONDS)
        try:
            with self._http.stream(
                "GET" if json is None else "POST",
                path,
                params=_present(params),
                json=json,
                headers=headers,
                timeout=timeout,
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    raise from_response(response)
                _refuse_redirect(response)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, NOT_SENT):
            return Unreachable(
                f"Cannot connect to {self.url} ({_reason(error)}). Is the service running there?"
            )
        return Unreachable(f"{self.url} stopped answering ({_reason(error)}). Try again; nothing was lost.")


def pause(attempt: int, least: float | None = None) -> None:
    """Wait before attempt ``attempt + 1``: exponential backoff with 25 % jitter; ``least`` is the least base of the wait in seconds."""
    seconds = max(FIRST_PAUSE * 2**attempt, least or 0.0)
    time.sleep(min(seconds, LONGEST_PAUSE) * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load, guards nothing


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _may_pass(response: httpx.Response, *, safe: bool) -> bool:
    if response.status_code in REFUSED:
        return True
    if not safe:
        return False
    # 409: the first attempt of the same request is still being handled.
    return response.status_code in DOUBTFUL or (
        response.status_code == 409 and from_response(response).code == "idempotency_in_flight"
    )


def _refuse_redirect(response: httpx.Response) -> None:
    if response.is_redirect:
        response.read()
        raise Unreachable(
            f"{response.request.url} redirects to {response.headers.get('Location')}. Use that service's own URL; "
            "a key is never sent along a redirect."
        )


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__


def _present(params: Params | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}
