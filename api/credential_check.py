"""Checks the credentials of a long request again every few seconds, and ends the request when they are no longer valid.

A request is authorized once, and an event stream, a long poll or a transfer then lasts for minutes. So its key or session
is checked again and again. When it is no longer valid, callbacks let streams and long polls end properly. A connection
that is still open some seconds later is cut, which ends every other request as if its client had disconnected.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from control.errors import Forbidden, SeedbedError, Unauthorized

log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""Seconds between two checks. With the time that the identity cache keeps, a revoked key works at most twice as long."""
CUT_SECONDS = 2.0
"""Seconds in which a request without valid credentials may end by itself, before its connection is cut."""
CUT = "cut_connection"
"""Key in a request's state of the function that ends its connection: ``(limit: str) -> None``."""


class CredentialCheck:
    """The periodic credential check of one request.

    Args:
        authenticate: Checks the credentials again; raises `Unauthorized` or `Forbidden` when they are no longer valid.
        cut: Ends the connection.
    """

    def __init__(self, authenticate: Callable[[], Awaitable[object]], cut: Callable[[], object]) -> None:
        self.problem: SeedbedError | None = None
        """Why the request may not go on; None while it may."""
        self._authenticate = authenticate
        self._cut = cut
        self._callbacks: list[Callable[[], object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._checking: asyncio.Task[None] | None = None
        self._ended = False

    def begin(self) -> None:
        """Begin the checks; the first one is some seconds from now."""
        self._after(CHECK_SECONDS, self.check_now)

    def end(self) -> None:
        """End the checks: the request is answered."""
        self._ended = True
        for waiting in (self._timer, self._checking):
            if waiting is not None:
                waiting.cancel()

    def check_now(self) -> None:
        """Check now."""
        if not self._ended and self.problem is None and self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(self._check())

    def on_invalid(self, call: Callable[[], object]) -> None:
        """Call ``call`` when the request may no longer go on."""
        self._callbacks.append(call)

    def require_valid(self) -> None:
        """
        Raises:
            Unauthorized, Forbidden: the request may no longer go on.
        """
        if self.problem is not None:
            raise self.problem

    async def _check(self) -> None:
        try:
            await self._authenticate()
        except (Unauthorized, Forbidden) as error:
            self.problem = error
            for call in self._callbacks:
                call()
            self._after(CUT_SECONDS, self._cut)
        except Exception:
            # The credentials may well be valid while the database is unreachable.
            log.warning(
                "the credentials of an open request could not be checked; trying again later", exc_info=True
            )
            self._after(CHECK_SECONDS, self.check_now)
        else:
            self._after(CHECK_SECONDS, self.check_now)
        finally:
            self._checking = None

    def _after(self, seconds: float, call: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._ended:
            self._timer = asyncio.get_running_loop().call_later(seconds, call)


class EndCredentialChecks:
    """ASGI middleware that ends a request's credential checks when the request ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            caller = scope.get("state", {}).get("caller")
            if caller is not None:
                caller.leave()
