"""Runs one inspection: sends the request and the file to a child, applies its budget, and interprets its exit."""

import contextlib
import io
import json
import logging
import os
import signal
import socket
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from control.errors import Invalid
from control.inspection.budgets import Budget
from control.inspection.conversation import Conversation, End
from control.inspection.server import InspectionServer, child_environment
from control.storage import StorageFull

log = logging.getLogger(__name__)

Answer = dict[str, Any]
"""An answer, in the form that `core.inspection.child` describes."""

_STARTS = 2
"""Most tries of a request: a server that was killed (by the system, when memory ran out) is started again once."""


class InspectionStoppedError(RuntimeError):
    """The inspection was stopped, because no client waits for it any more or the service ends."""


@dataclass(frozen=True)
class InputFile:
    """A file that a child reads."""

    file: BinaryIO
    """The open file; the child gets its descriptor if it has one, else its bytes are read here and sent to the child."""
    size: int

    def descriptor(self) -> int | None:
        try:
            return self.file.fileno()
        except OSError:
            return None


@dataclass
class Handle:
    """Stops an inspection, from any thread; before its start too."""

    stopped: bool = False
    _connection: socket.socket | None = field(default=None, repr=False)

    def stop(self) -> None:
        """End it. The server kills a child whose connection ends."""
        self.stopped = True
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def hold(self, connection: socket.socket) -> None:
        self._connection = connection
        if self.stopped:
            raise InspectionStoppedError


def run(
    server: InspectionServer,
    request: dict[str, Any],
    file: InputFile,
    budget: Budget,
    *,
    name: str,
    handle: Handle | None = None,
) -> Answer:
    """Run a request in a child of the server; blocks until the child has ended.

    Args:
        request: In the form that `core.inspection.child` describes, without ``limits`` and ``bytes``.
        name: The file's name, for messages.

    Raises:
        Invalid: the file holds no usable sample, its budget did not suffice (``inspection_budget``), or it ended the
            process that read it (``unreadable_file``).
        StorageFull: no room for a temporary file.
        InspectionStoppedError: it was stopped.
        RuntimeError: a bug of the readers, or no server; the file is not the cause.
    """
    handle = handle or Handle()
    limits = {key: value for key, value in asdict(budget).items() if key != "wall_seconds"}
    arguments = json.dumps(request | {"limits": limits, "bytes": file.size})
    line = json.dumps({"argv": [arguments], "env": child_environment(), "cwd": "/"}).encode() + b"\n"
    end, answer = End(lost="nothing"), bytearray()
    for _ in range(_STARTS):
        end, answer = _ask(server, line, file, budget, handle)
        if handle.stopped:
            raise InspectionStoppedError
        if end.lost is None:
            break
    _check_end(end, budget, name)
    return _settled(
        json.loads(answer) if answer else {"crash": f"exit code {end.exit}, without a word"}, budget, name
    )


def _ask(
    server: InspectionServer, line: bytes, file: InputFile, budget: Budget, handle: Handle
) -> tuple[End, bytearray]:
    descriptor = file.descriptor()
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(server.connect())
        handle.hold(connection)
        read_end, write_end = os.pipe()
        answers = stack.enter_context(io.FileIO(read_end))
        asked: socket.socket | None = None
        with (
            os.fdopen(write_end, "wb") as theirs,
            Path(os.devnull).open("wb") as nowhere,
            contextlib.ExitStack() as sent,
        ):
            if descriptor is None:
                asked, child_end = socket.socketpair()
                stack.enter_context(asked)
                descriptor = sent.enter_context(child_end).fileno()
            descriptors = [theirs.fileno(), nowhere.fileno(), descriptor]
            try:
                count = socket.send_fds(connection, [line], descriptors)
                if count < len(line):  # the server has answered and closed the connection already
                    connection.sendall(line[count:])
            except ConnectionError as error:
                return End(lost=str(error)), bytearray()
        conversation = Conversation(connection, answers, asked, file.file)
        end = conversation.hold(time.monotonic() + budget.wall_seconds)
        return end, conversation.answer


def _check_end(end: End, budget: Budget, name: str) -> None:
    if end.lost is not None:
        raise RuntimeError(f"the server of inspections ended or refused; it said: {end.lost}")
    if end.late:
        raise _over(name, f"{budget.wall_seconds:,.0f} seconds", "time", budget.wall_seconds)
    if end.signal == signal.SIGXCPU:
        raise _over(
            name, f"{budget.cpu_seconds:,} seconds of processor time", "processor_time", budget.cpu_seconds
        )
    if end.signal is not None or end.flooded:
        log.warning("an upload ended the process that read it: %s", end)
        raise Invalid(
            "unreadable_file",
            f"{name}: the process that read it was ended by the file. Write it anew, with another program or with "
            "smaller parts, and send it again.",
            param="file",
            params={"name": name},
        )


def _settled(answer: Answer, budget: Budget, name: str) -> Answer:
    if "code" in answer:
        raise Invalid(answer["code"], answer["detail"], params=answer["params"], param="file")
    match answer.get("over"):
        case "memory":
            raise _over(
                name, f"{budget.memory_bytes / 2**20:,.0f} MiB of memory", "memory", budget.memory_bytes
            )
        case "temporary":
            size = budget.temporary_bytes
            raise _over(name, f"{size / 2**20:,.0f} MiB in a temporary file", "temporary_file", size)
    if "full" in answer:
        raise StorageFull
    if "crash" in answer:
        raise RuntimeError(f"an upload could not be read:\n{answer['crash']}")
    return answer


def _over(name: str, what: str, case: str, limit: float) -> Invalid:
    """
    Args:
        what: The limit in words.
        case: What is limited.
        limit: In seconds or bytes.
    """
    return Invalid(
        "inspection_budget",
        f"{name}: reading it through takes more than the {what} that a file of its size may take. "
        "Send it in smaller parts, with smaller samples, or less compressed.",
        params={"case": case, "file": name, "limit": limit},
        param="file",
    )
