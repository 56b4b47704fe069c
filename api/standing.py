"""Whether whoever holds a connection still may: found out anew every few seconds, for as long as a request lasts.

A request is let in once, and an event stream, a long poll or a transfer then lasts for minutes. So the proof that it came
with is looked at again and again. Where it no longer holds, those who wait are told, so that they can end in order; and a
connection that is still there a moment later is cut, which ends every other request as if its client had left.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from control.errors import Forbidden, SeedbedError, Unauthorized

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Between two looks at the proof. With what the identity cache remembers, a revoked key has at most twice as long."""
CUT_SECONDS = 2.0
"""A request whose proof no longer holds gets so long to end in order."""
CUT = "cut_connection"
"""Where a request's state holds what ends its connection: ``(limit: str) -> None``."""


class Standing:
    """Of one request.

    Args:
        prove: Finds out anew who asks; raises `Unauthorized` or `Forbidden` once that may no longer be.
        cut: Ends the connection.
    """

    def __init__(self, prove: Callable[[], Awaitable[object]], cut: Callable[[], object]) -> None:
        self.problem: SeedbedError | None = None
        """Why the request may not go on."""
        self._prove = prove
        self._cut = cut
        self._told: list[Callable[[], object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._ended = False

    def begin(self) -> None:
        """Look for the first time some seconds from now."""
        self._after(LOOK_SECONDS, self.look)

    def end(self) -> None:
        """The request is answered."""
        self._ended = True
        for waiting in (self._timer, self._looking):
            if waiting is not None:
                waiting.cancel()

    def look(self) -> None:
        """Look now."""
        if not self._ended and self.problem is None and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def tell(self, call: Callable[[], object]) -> None:
        """Have it called when the request may no longer go on."""
        self._told.append(call)

    def demand(self) -> None:
        """
        Raises:
            Unauthorized, Forbidden: the request may no longer go on.
        """
        if self.problem is not None:
            raise self.problem

    async def _look(self) -> None:
        try:
            await self._prove()
        except (Unauthorized, Forbidden) as error:
            self.problem = error
            for call in self._told:
                call()
            self._after(CUT_SECONDS, self._cut)
        except Exception:
            # A database that is away for a moment says nothing about the proof.
            log.warning("who holds a connection could not be looked up; asked again later", exc_info=True)
            self._after(LOOK_SECONDS, self.look)
        else:
            self._after(LOOK_SECONDS, self.look)
        finally:
            self._looking = None

    def _after(self, seconds: float, call: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._ended:
            self._timer = asyncio.get_running_loop().call_later(seconds, call)


class Attended:
    """ASGI middleware: a request's standing ends with the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            caller = scope.get("state", {}).get("caller")
            if caller is not None:
                caller.leave()
