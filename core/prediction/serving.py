"""Answers requests from a socket, several at once in turns.

Each message is a JSON object on a line. To this process::

    {"id": "…", "checkpoint": "ckpt_…", "directory": "/…", "kind": "continue", "options": {…},
     "text": "…", "content": "base64", "files": [{"name": …, "path": …, "sha256": …, "reading": {…}}]}
    {"cancel": "…"}

``directory`` has the checkpoint's files in ``checkpoint/``, and is writable. From this process::

    {"id": "…", "event": "loading"}                      the model was not loaded
    {"id": "…", "event": "part", "values": {…}}
    {"id": "…", "event": "result", "values": {…}}        the last one of a request, or
    {"id": "…", "event": "failed", "code": "…", "message": "…", "params": {…}, "input": true}
    {"id": "…", "event": "cancelled"}
    {"loaded": ["ckpt_…"]}                               after each change, the least recently used first

``input`` says whether the request is at fault. All requests take turns: one token, one part, one batch each. The process
ends when the other end closes the socket.
"""

import base64
import binascii
import json
import socket
from collections import deque
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from core import tracebacks
from core.data.errors import DataError
from core.data.files import DataFile
from core.errors import EngineError
from core.formats.tables.reading import ReadingOptions
from core.objectives.predictions import Answering, Asked, InputError
from core.prediction.features import Index, embed, neighbours
from core.prediction.inputs import decoded_row
from core.prediction.models import Loaded, Models

_CHUNK = 1 << 20
Message = Mapping[str, Any]
_Steps = Generator[Message, None, None]


class Server:
    """
    Args:
        connection: To the process that sends requests.
        memory_bytes: Limit on the weights of all loaded models.
    """

    def __init__(self, connection: socket.socket, memory_bytes: int) -> None:
        self._connection = connection
        self._received = b""
        self._models = Models(memory_bytes, self._tell_loaded)
        self._active: deque[tuple[str, _Steps]] = deque()
        self._open = True

    def run(self) -> None:
        """Serve until the other end closes the socket."""
        with torch.inference_mode():
            while self._open:
                self._receive(wait=not self._active)
                if self._active:
                    self._step()

    def _receive(self, *, wait: bool) -> None:
        self._connection.setblocking(wait)
        try:
            data = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return
        finally:
            self._connection.setblocking(True)
        if not data:
            self._open = False
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: Message) -> None:
        if "cancel" in message:
            self._cancel(message["cancel"])
        else:
            self._active.append((message["id"], self._steps(message)))

    def _cancel(self, request_id: str) -> None:
        for entry in [entry for entry in self._active if entry[0] == request_id]:
            self._active.remove(entry)
            entry[1].close()
            self._send({"id": request_id, "event": "cancelled"})

    def _step(self) -> None:
        """One step of the request whose turn it is."""
        request_id, steps = self._active.popleft()
        try:
            message = next(steps)
        except StopIteration:
            return
        except (EngineError, DataError) as error:
            self._fail(request_id, error)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._fail(request_id, _out_of_memory(error))
        except RuntimeError as error:
            if "allocate memory" in str(error):
                self._fail(request_id, _out_of_memory(error))
            else:
                self._crash(request_id, error)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            self._crash(request_id, error)
        else:
            if message:
                self._send({"id": request_id, **message})
            self._active.append((request_id, steps))

    def _steps(self, message: Message) -> _Steps:
        loaded = self._models.get(message["checkpoint"])
        if loaded is None:
            yield {"event": "loading"}
            # Another request may have loaded it since.
            name = message["checkpoint"]
            loaded = self._models.get(name) or self._models.load(name, Path(message["directory"]))
        answering = _answering(loaded, message)
        while True:
            try:
                values = next(answering)
            except StopIteration as end:
                yield {"event": "result", "values": end.value}
                return
            yield {"event": "part", "values": values} if values else {}

    def _fail(self, request_id: str, error: EngineError | DataError) -> None:
        self._send(
            {
                "id": request_id,
                "event": "failed",
                "code": error.code,
                "message": error.message,
                "params": dict(error.details),
                "input": isinstance(error, InputError),
            }
        )

    def _crash(self, request_id: str, error: Exception) -> None:
        tracebacks.print_uncaught(type(error), error)
        kind = type(error).__name__
        message = f"{kind} while the prediction was computed."
        self._fail(request_id, EngineError("internal", message, case="prediction", kind=kind))

    def _tell_loaded(self) -> None:
        self._send({"loaded": list(self._models.names)})

    def _send(self, message: Message) -> None:
        self._connection.sendall(json.dumps(message).encode() + b"\n")


def _answering(loaded: Loaded, message: Message) -> Answering:
    """
    Raises:
        EngineError: the request does not fit the checkpoint.
    """
    opened, kind = loaded.opened, message["kind"]
    prediction = opened.prediction(kind)
    try:
        options = prediction.options.model_validate(message.get("options") or {})
        content = base64.b64decode(message.get("content") or "", validate=True)
    except (ValidationError, binascii.Error) as error:
        raise InputError("validation_failed", str(error), case="request", error=error) from error
    rows = decoded_row(opened.job, content) if prediction.input in {"image", "audio"} else None
    asked = Asked(options, message.get("text") or "", rows)
    predictor = opened.objective.predictors.get(kind)
    if predictor is not None:
        return predictor(asked)
    if prediction.needs_dataset:
        most = getattr(options, "samples", 0)
        index = loaded.indexes.setdefault(most, Index())
        return neighbours(opened, _files(message), index, asked)
    if kind == "embed":
        return embed(opened, asked)
    raise EngineError(
        "prediction_unsupported",
        f"The task {opened.job.task.kind} does not compute {kind!r}.",
        case="not_computed",
        task=opened.job.task.kind,
        kind=kind,
    )


def _files(message: Message) -> list[DataFile]:
    return [
        DataFile(file["name"], Path(file["path"]), file["sha256"], ReadingOptions.of(file["reading"]))
        for file in message.get("files") or ()
    ]


def _out_of_memory(error: BaseException) -> EngineError:
    return EngineError(
        "out_of_memory",
        f"The prediction takes more memory than the worker gives it ({type(error).__name__}). Send a smaller input.",
        case="prediction",
        error=type(error).__name__,
    )
