"""A run's events: one stream, sent to one or more sinks."""

import json
import math
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]
Sink = Callable[[Event], None]


class Events:
    """Sends each event to every sink, one event at a time. Any thread may emit."""

    def __init__(self, *sinks: Sink) -> None:
        self.lock = threading.RLock()
        self._sinks = list(sinks)

    def add(self, sink: Sink) -> None:
        """Send all further events to ``sink`` too."""
        self._sinks.append(sink)

    def emit(self, event: str, **fields: Any) -> None:
        """Send an event with the current time to all sinks."""
        record = {"event": event, "time": time.time(), **fields}
        with self.lock:
            for sink in self._sinks:
                sink(record)

    def warn(self, code: str, message: str, **params: Any) -> None:
        """Emit a warning: something that a person should know and that does not end the run.

        Args:
            params: What `message` is made of, so that ``code`` and these can be said in another language.
        """
        self.emit("warning", code=code, message=message, params=params)


class PipeSink:
    """Writes events as JSON lines to a file descriptor.

    Waits for a slow reader, so that no line is lost or cut. Once the reader has closed the pipe, events are dropped, because
    a run must not fail only because nobody reads its events.
    """

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def __call__(self, event: Event) -> None:
        if self._fd is None:
            return
        try:
            write_all(self._fd, encode(event))
        except BrokenPipeError:
            self._fd = None


class MetricsFile:
    """Writes ``metrics.jsonl``: the metric events, each point once, also after a resume.

    Args:
        path: The file; created if absent.
        step: The step that the run resumes from. Later points are removed, because the run writes them again.
    """

    def __init__(self, path: Path, step: int) -> None:
        kept = [line for line in _whole_lines(path) if json.loads(line)["step"] <= step]
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(b"".join(kept))
        temporary.replace(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def __call__(self, event: Event) -> None:
        if event["event"] == "metrics":
            write_all(self._fd, encode(event))

    def flush(self) -> None:
        """Sync the points to disk: no checkpoint may be newer than the points on disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def encode(event: Event) -> bytes:
    """One JSON line. Numbers that are not finite are written as strings."""
    text = json.dumps(_finite(event), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="backslashreplace") + b"\n"


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, also to a non-blocking descriptor."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _whole_lines(path: Path) -> list[bytes]:
    """The complete lines of the file. A kill may have cut the last line."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
