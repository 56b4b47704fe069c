"""The API as a process: ``python -m api.main --host HOST --port PORT``, or `serve` from another command."""

import argparse
import asyncio
import contextlib
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from api import logs
from api.app import create_app
from api.connections import Limits, within
from control.settings import Settings, settings

log = structlog.stdlib.get_logger("seedbed.api")


_DATE_SECONDS = 1.0
"""Seconds after which the Date header of responses is renewed."""
_SWITCH_SECONDS = 0.001
_UNACKNOWLEDGED_MS = 60_000
"""Milliseconds after which a connection ends if the other end acknowledges nothing (TCP_USER_TIMEOUT)."""


class Server(uvicorn.Server):
    """A uvicorn server that prints its address, and at a shutdown ends event streams first, since uvicorn would wait for them.

    uvicorn checks ten times a second whether to end. This server is woken up by the signal instead, because training
    shares the processors with it.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        trusted_proxies: str = "127.0.0.1,::1",
        grace_seconds: int = 30,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http=within(limits),
                loop="uvloop",
                ws="none",
                forwarded_allow_ips=trusted_proxies,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._app = app
        self._woken: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            log.info("listening", url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def main_loop(self) -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        self._woken = lambda: loop.call_soon_threadsafe(called.set)
        while not await self.on_tick(0):  # 0: with a new date
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(called.wait(), _DATE_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._woken()

    def end(self) -> None:
        """Begin the graceful shutdown, as a signal does; may be called from any thread."""
        self.should_exit = True
        self._woken()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.context.hub.close()
        await super().shutdown(sockets)


def serve(chosen: Settings, host: str, port: int, *, grace_seconds: int = 30) -> None:
    """Serve until SIGTERM or SIGINT; transfers under way then have ``grace_seconds`` to end.

    Args:
        port: 0 for any that is free.

    Raises:
        OSError: the address cannot be listened on.
    """
    logs.configure(chosen.log_format)
    _allow_many_connections()
    # With many computing threads, the event loop waits at most this long for each of them.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # uvicorn raises the signal again after its graceful shutdown; then it only ends the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listen(host, port) as listening, contextlib.suppress(KeyboardInterrupt):
        server = Server(
            create_app(chosen), trusted_proxies=chosen.trusted_proxies, grace_seconds=grace_seconds
        )
        server.run([listening])


def _allow_many_connections() -> None:
    """Raise the limit of open file descriptors, often 1,024, because each connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = Limits().connections * 2 + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def listen(host: str, port: int) -> socket.socket:
    """A socket whose connections wait until the server accepts them.

    Raises:
        OSError: the address cannot be listened on.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit these options, so that one whose other end vanished is ended too.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


def main() -> None:
    """Serve as the command line says; everything else comes from the environment."""
    parser = argparse.ArgumentParser(prog="python -m api.main", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    serve(settings(), arguments.host, arguments.port)


if __name__ == "__main__":
    main()
