"""Bounds the memory of large JSON bodies: their bytes together, over all projects, from their arrival to the end of the answer."""

import asyncio
from contextlib import AsyncExitStack

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.fair_semaphore import FairSemaphore
from control.errors import TooManyRequests

_WAIT_SECONDS = 20.0
"""Seconds for which a body, of which nothing is read yet, waits for room."""
_RETRY_SECONDS = 5
_HELD = "held"
"""Name in a request's state of what ends with the request."""


class BodyRoom:
    """The room of one process.

    Args:
        size: Bytes of bodies that may be held at once; of one project three quarters of them.
    """

    def __init__(self, size: int) -> None:
        self._limit = size * 3 // 4
        self._turns = FairSemaphore(size, share=self._limit)

    async def hold(self, request: Request, project_id: str, size: int) -> None:
        """Wait until there is room for a body of ``size`` bytes, and hold it until the request is answered.

        Raises:
            TooManyRequests: ``predictions_busy``: there was none for some seconds.
        """
        held: AsyncExitStack = request.scope["state"][_HELD]
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await held.enter_async_context(self._turns.of(project_id, size))
        except TimeoutError:
            raise TooManyRequests(
                "predictions_busy",
                f"The predictions under way have bodies of together {self._limit:,} bytes or more, as many as may be. "
                f"Try again in {_RETRY_SECONDS} s, or send a smaller file.",
                retry_after=_RETRY_SECONDS,
                params={"case": "bodies", "limit": self._limit, "bytes": size, "seconds": _RETRY_SECONDS},
            ) from None


class ReleaseBodies:
    """ASGI middleware that releases the room of a request's body when the request ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with AsyncExitStack() as held:
            scope.setdefault("state", {})[_HELD] = held
            await self._app(scope, receive, send)
