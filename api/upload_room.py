"""Reserves quota and disk space for running uploads, so that several at once cannot exceed what is free.

Quotas are checked before the first byte, counting the bytes that all uploads of this process will still write, and again when a file is
committed, which counts other processes too.
"""

import threading
from collections import Counter

from sqlalchemy import Engine

from control.datasets import repository
from control.db import read
from control.quotas.errors import QuotaExceeded
from control.quotas.service import limits
from control.settings import Settings
from control.storage import Storage
from control.usage.disk import disk_of, require
from control.usage.schemas import DiskUsage


class UploadReservation:
    """The reservation of one upload. Its methods block: call them from a thread.

    Args:
        limit: Most bytes of the project's datasets; None means no quota.
        used: Bytes of the project's datasets, without the file that this one replaces.
    """

    def __init__(self, room: "UploadRoom", project_id: str, *, limit: int | None, used: int) -> None:
        self._room = room
        self._project_id = project_id
        self._limit = limit
        self._used = used
        self._held = 0

    def grow(self, total: int, *, coming: int) -> None:
        """Extend the reservation to `total` bytes, if that is more than it has.

        Args:
            coming: Those of them that are not written yet.

        Raises:
            QuotaExceeded: ``quota_exceeded``; DiskLow: ``disk_low``.
        """
        require(self._room.disk(), coming)
        more = total - self._held
        if more > 0:
            self._room.hold(self._project_id, more, limit=self._limit, used=self._used)
            self._held = total

    def end(self) -> None:
        """Release the reservation: the file is committed, or the upload was aborted."""
        self._room.release(self._project_id, self._held)
        self._held = 0


class UploadRoom:
    """The reservations of one process."""

    def __init__(self, engine: Engine, storage: Storage, settings: Settings) -> None:
        self._engine = engine
        self._storage = storage
        self._settings = settings
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def begin(self, project_id: str, dataset_id: str, name: str, declared: int) -> UploadReservation:
        """Reserve room for a file of `declared` bytes, 0 if the size is not known.

        Raises:
            QuotaExceeded: ``quota_exceeded``; DiskLow: ``disk_low``.
        """
        with read(self._engine) as session:
            limit = limits(session, project_id).get("datasets")
            used = 0
            if limit is not None:
                replaced = repository.file_named(session, dataset_id, name)
                used = repository.taken(session, project_id)[1] - (replaced.bytes if replaced else 0)
        reservation = UploadReservation(self, project_id, limit=limit, used=used)
        reservation.grow(declared, coming=declared)
        return reservation

    def disk(self) -> DiskUsage | None:
        return disk_of(self._storage, self._settings)

    def hold(self, project_id: str, more: int, *, limit: int | None, used: int) -> None:
        """
        Raises:
            QuotaExceeded: together with the other uploads it exceeds the quota.
        """
        with self._lock:
            held = self._held[project_id]
            if limit is not None and used + held + more > limit:
                raise QuotaExceeded("datasets", used=used + held, more=more, limit=limit)
            self._held[project_id] += more

    def release(self, project_id: str, size: int) -> None:
        with self._lock:
            self._held[project_id] -= size
            if not self._held[project_id]:
                del self._held[project_id]
