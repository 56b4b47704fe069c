"""Middleware around every request: its id, its line in the log, its metrics, and the response to an unexpected exception."""

import asyncio
import re
import secrets
import time
from typing import Any

import structlog
from fastapi import Request
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import internal_error

log = structlog.stdlib.get_logger("seedbed.api")

REQUESTS = Counter("seedbed_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "seedbed_http_request_seconds",
    "From a request's first byte to its answer's last.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)

_GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_CLIENT_GONE = 499
"""What nginx logs when the client closed the connection before the answer."""


class RequestLogging:
    """ASGI middleware, which also handles every exception that the app raises."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else f"req_{secrets.token_urlsafe(9)}"
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message["headers"])["X-Request-Id"] = request_id
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        failure: BaseException | None = None
        try:
            await self._app(scope, receive, send_observed)
        except ClientDisconnect:
            status = status or _CLIENT_GONE
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever it is, the client gets an answer and the log the trace
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the server ends; where nobody cancelled, a route raised it
            failure = error
            if not status:
                await internal_error(Request(scope, receive))(scope, receive, send_observed)
        finally:
            _log_request(scope, status or _CLIENT_GONE, time.perf_counter() - started, failure)
            structlog.contextvars.unbind_contextvars("request_id")


def _log_request(scope: Scope, status: int, seconds: float, failure: BaseException | None) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = getattr(scope.get("route"), "path", None) or "none"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)
    state = scope["state"]
    facts: dict[str, Any] = {
        "method": method,
        "path": scope.get("raw_path", b"").decode("ascii", "replace")[:500],
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    for name, key in (("code", "problem_code"), ("key", "key_id"), ("cause", "cause")):
        if key in state:
            facts[name] = state[key]
    if failure is not None:
        log.error("request failed", **facts, exc_info=failure)
    elif status >= 500:
        log.error("request", **facts)
    else:
        log.info("request", **facts)
