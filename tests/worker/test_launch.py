"""Starting an engine that ends at once."""

import select
import socket
from pathlib import Path
from typing import Any

import pytest

from worker import engine as module
from worker.engine import Exit, PreloadedServer, clean_environment


def test_an_engine_that_ends_while_the_request_is_sent_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = socket.send_fds

    def send_and_be_late(connection: socket.socket, *arguments: Any) -> int:
        count = send(connection, *arguments)
        closed = select.poll()
        closed.register(connection, 0)  # waits until the other end closes
        assert closed.poll(60_000)
        return count

    monkeypatch.setattr(module.socket, "send_fds", send_and_be_late)
    server = PreloadedServer(tmp_path, clean_environment("cpu"), module="tests.worker.scripted_engine")
    try:
        with (tmp_path / "log").open("wb") as log:
            engine = server.launch(["nonsense"], directory=tmp_path, log=log)
        try:
            assert engine.wait() == Exit(code=2)
        finally:
            engine.close()
    finally:
        server.stop()
    assert "invalid choice: 'nonsense'" in (tmp_path / "log").read_text()
