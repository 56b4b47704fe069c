"""Stores the engine's log: its last lines in the database while it runs, all of it in storage at the end."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from control.jobs.service import record_log_tail
from worker.room import Room
from worker.uploads import Uploads
from worker.write_queue import WriteQueue

_TAIL_LINES = 200
_TAIL_BYTES = 64 * 1024
_PAUSE_SECONDS = 2.0
"""Seconds between two checks of a growing log."""


class LogKeeper:
    """Stores the log of one attempt.

    Args:
        path: The engine's standard output and standard error, written by appending.
        limit: Most bytes that are kept; of a longer log the middle is removed.
    """

    def __init__(
        self, path: Path, write_queue: WriteQueue, job_id: str, attempt: int, *, limit: int = 16 << 20
    ) -> None:
        self._path = path
        self._write_queue = write_queue
        self._job_id = job_id
        self._attempt = attempt
        self._limit = limit
        self._told_bytes = 0
        self._next_look = 0.0

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def look(self) -> None:
        """Keep the log within its limit; write its last lines to the database, if there are new ones and it is time."""
        self._shorten()
        if time.monotonic() < self._next_look or not self.exists or self._write_queue.failing:
            return
        self._next_look = time.monotonic() + _PAUSE_SECONDS
        if self._path.stat().st_size != self._told_bytes:
            self._tell(None)

    def upload(
        self, uploads: Uploads, key: str, *, until: Callable[[], object], room: Room | None = None
    ) -> None:
        """Store the whole log, and write its place to the database.

        Args:
            room: Called first; where there is no room, only the last lines are kept.
            until: Called again and again during the upload; may raise to abort it.
        """
        self._shorten()
        if room is not None and room.for_more("logs", self._path.stat().st_size):
            self._tell(None)
            return
        upload = uploads.put(key, self._path)
        while not upload.done():
            until()
        self._tell(key if upload.exception() is None else None)

    def _shorten(self) -> None:
        """Remove the middle of a log that is too long. Lines written at the same moment may be lost too."""
        if not self.exists or self._path.stat().st_size <= self._limit:
            return
        kept = self._limit // 4
        with self._path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(size - kept)
            end = file.read()
            file.truncate(kept)
            file.seek(kept)
            left_out = size - len(end) - kept
            file.write(b"\n\n[%d bytes are left out here: the log was too long]\n\n" % left_out)
            file.write(end)

    def _tell(self, key: str | None) -> None:
        size = self._path.stat().st_size
        tail = _tail(self._path, size)
        self._told_bytes = size
        self._write_queue.add(
            lambda session: record_log_tail(
                session, self._job_id, self._attempt, tail, total_bytes=size, object_key=key
            )
        )


def _tail(path: Path, size: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines(keepends=True)
    return "".join(lines[-_TAIL_LINES:])
