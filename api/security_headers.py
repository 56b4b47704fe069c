"""Security headers of every response: Content-Security-Policy, caching, content type."""

from urllib.parse import unquote_to_bytes

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemResponse

_HEADERS = {
    # The dashboard contains everything that it needs: it loads nothing from, and sends nothing to, other hosts.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; media-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    # A response for one key must not be cached for another.
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] == "http" and not _is_text(scope["query_string"]):
            refusal = ProblemResponse(
                Request(scope, receive),
                400,
                "invalid_request",
                "The query string is not UTF-8, percent-encoded.",
            )
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


def _is_text(query: bytes) -> bool:
    """Whether the query is valid UTF-8; invalid bytes would silently become U+FFFD."""
    try:
        unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
