"""Serves the built dashboard at ``/``: its files, and its ``index.html`` for every path of one of its pages."""

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASSETS = "/assets/"


def install(app: FastAPI, directory: Path | None) -> None:
    """Serve the directory, if there is one, wherever no route answers."""
    if directory is None:
        return
    app.frontend("/", directory=directory, fallback="index.html")
    app.add_middleware(_Caching)


class _Caching:
    """Sets Cache-Control. Assets never change, because the build puts a hash into their names; ``index.html`` does change."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_caching(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {200, 304}:
                headers = MutableHeaders(raw=message["headers"])
                if scope["path"].startswith(_ASSETS):
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"
                elif headers.get("content-type", "").startswith("text/html"):
                    headers["Cache-Control"] = "no-cache"
            await send(message)

        await self._app(scope, receive, send_with_caching if scope["type"] == "http" else send)
