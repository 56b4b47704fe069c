"""Reserves quota and disk space for running uploads, so that several at once cannot exceed what is free.

Quotas are checked before the first byte, counting the bytes that all uploads of this process will still write, and again when a file is
committed, which counts other processes too.
"""

import threading
from collections import Counter

from sqlalchemy import Engine

from control.checkpoints import repository as checkpoints
from control.checkpoints.upload_files import UploadFile
from control.datasets import repository
from control.db import read
from control.quotas.errors import QuotaExceeded
from control.quotas.schemas import Kind
from control.quotas.service import limits
from control.settings import Settings
from control.storage import Storage
from control.usage.disk import disk_of, require
from control.usage.schemas import DiskUsage


class UploadReservation:
    """The reservation of one upload. Its methods block: call them from a thread.

    Args:
        kind: ``datasets`` or ``checkpoints``.
        limit: Most bytes of the project's objects of that kind; None means no quota.
        used: Bytes of the project's objects of that kind, without the file that this one replaces.
    """

    def __init__(
        self, room: "UploadRoom", kind: Kind, project_id: str, *, limit: int | None, used: int
    ) -> None:
        self._room = room
        self._owner = kind, project_id
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
            self._room.hold(self._owner, more, limit=self._limit, used=self._used)
            self._held = total

    def end(self) -> None:
        """Release the reservation: the file is committed, or the upload was aborted."""
        self._room.release(self._owner, self._held)
        self._held = 0


class UploadRoom:
    """The reservations of one process."""

    def __init__(self, engine: Engine, storage: Storage, settings: Settings) -> None:
        self._engine = engine
        self._storage = storage
        self._settings = settings
        self._lock = threading.Lock()
        self._held: Counter[tuple[Kind, str]] = Counter()

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
        return _grown(UploadReservation(self, "datasets", project_id, limit=limit, used=used), declared)

    def begin_checkpoint(self, file: UploadFile, declared: int) -> UploadReservation:
        """Reserve room for a file of an upload of a checkpoint, as `begin` does for one of a dataset."""
        with read(self._engine) as session:
            limit = limits(session, file.project_id).get("checkpoints")
            used = 0
            if limit is not None:
                used = checkpoints.taken(session, file.project_id)[1] - file.bytes(session)
        return _grown(
            UploadReservation(self, "checkpoints", file.project_id, limit=limit, used=used), declared
        )

    def disk(self) -> DiskUsage | None:
        return disk_of(self._storage, self._settings)

    def hold(self, owner: tuple[Kind, str], more: int, *, limit: int | None, used: int) -> None:
        """
        Raises:
            QuotaExceeded: together with the other uploads it exceeds the quota.
        """
        with self._lock:
            held = self._held[owner]
            if limit is not None and used + held + more > limit:
                raise QuotaExceeded(owner[0], used=used + held, more=more, limit=limit)
            self._held[owner] += more

    def release(self, owner: tuple[Kind, str], size: int) -> None:
        with self._lock:
            self._held[owner] -= size
            if not self._held[owner]:
                del self._held[owner]


def _grown(reservation: UploadReservation, declared: int) -> UploadReservation:
    reservation.grow(declared, coming=declared)
    return reservation
