"""What a run tells: one stream of events, and the places that they go to."""

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
    """Hands each event to every sink, one at a time, whichever thread it comes from."""

    def __init__(self, *sinks: Sink) -> None:
        self.lock = threading.RLock()
        self._sinks = list(sinks)

    def add(self, sink: Sink) -> None:
        """Tell ``sink`` too, from now on."""
        self._sinks.append(sink)

    def emit(self, event: str, **fields: Any) -> None:
        """Tell all sinks that ``event`` happened now."""
        record = {"event": event, "time": time.time(), **fields}
        with self.lock:
            for sink in self._sinks:
                sink(record)

    def warn(self, code: str, message: str) -> None:
        """Something that a person should know and the run survives."""
        self.emit("warning", code=code, message=message)


class PipeSink:
    """Events as JSON lines to a file descriptor.

    A reader that is slow is waited for, so that no line is ever lost or cut; one that is gone is
    forgotten, because the run is worth more than its audience.
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
    """``metrics.jsonl``: the metric events, each point once, also after a resume.

    Args:
        path: the file; created where absent.
        step: the step that the run continues from; later points are dropped, for the run will
            write them again.
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
        """Force the points to disk: a checkpoint must never be newer than they are."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def encode(event: Event) -> bytes:
    """One JSON line; numbers that are not finite become strings."""
    text = json.dumps(_finite(event), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="backslashreplace") + b"\n"


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, also to a descriptor that does not block."""
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
    """The lines that were written to their end; a kill may have cut the last one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
