"""The process that keeps models loaded: started when it is first needed, and again after it ended."""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from worker.engine import Engine, PreloadedServer

log = logging.getLogger(__name__)

NICE = 10
"""Niceness of the process: trainings have priority."""
_CHUNK = 1 << 20
Message = Mapping[str, Any]


class PredictionProcess:
    """``python -m core predict``.

    Args:
        engines: The preloaded server that forks it.
        directory: Its working directory, with its log.
        told: Called from a thread of its own with this object and each message, and with None when it has ended.
    """

    def __init__(
        self,
        engines: PreloadedServer,
        directory: Path,
        *,
        memory_bytes: int,
        threads: int,
        told: Callable[["PredictionProcess", Message | None], object],
    ) -> None:
        self._told = told
        ours, theirs = socket.socketpair()
        arguments = [
            "predict",
            "--memory-bytes",
            str(memory_bytes),
            "--threads",
            str(threads),
            "--nice",
            str(NICE),
        ]
        try:
            with (directory / "log.txt").open("wb") as output, theirs:
                self._engine: Engine = engines.launch(
                    arguments, directory=directory, log=output, channel=theirs
                )
        except BaseException:
            ours.close()
            raise
        self._channel = ours
        threading.Thread(target=self._read, name="predictions", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._engine.pid

    def send(self, message: Message) -> None:
        """Send a message; nothing happens if the process has ended."""
        with contextlib.suppress(OSError):
            self._channel.sendall(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        """End it at once."""
        self._engine.kill()

    def _read(self) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while data := self._channel.recv(_CHUNK):
                *lines, received = (received + data).split(b"\n")
                for line in lines:
                    self._told(self, json.loads(line))
        self._engine.kill()
        end = self._engine.wait()
        self._engine.close()
        self._channel.close()
        log.info("the process for predictions has ended: %s", end)
        self._told(self, None)
