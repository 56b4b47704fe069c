"""Whether there is room for what a run writes: asked before anything of it goes to storage, and while it runs."""

import logging
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from control.checkpoints.service import require_room_for
from control.db import ReadSession, read
from control.errors import SeedbedError
from control.jobs.service import Claim
from control.quotas.errors import DiskLow, QuotaExceeded
from control.quotas.schemas import Kind
from control.storage import StorageFull, StorageUnavailable
from control.usage.disk import disk_of, measure, require
from control.usage.service import require_room
from worker.resources import WorkerResources
from worker.write_queue import first_line

log = logging.getLogger(__name__)

NoRoom = QuotaExceeded | DiskLow | StorageFull
"""Why something cannot be stored; its ``code`` and ``detail`` are for people."""


class Room:
    """One attempt's. Answers are None where there is room, or where nobody can say at the moment: what is committed is
    checked once more."""

    def __init__(self, resources: WorkerResources, claim: Claim) -> None:
        self._resources = resources
        self._claim = claim

    def for_checkpoint(self, step: int, size: int, metrics: Mapping[str, float]) -> NoRoom | None:
        """A checkpoint of `size` bytes; those that retention drops for it make room."""
        return self._refused(
            size,
            lambda session: require_room_for(
                session, self._claim.job_id, self._claim.attempt, step=step, size=size, metrics=metrics
            ),
        )

    def for_more(self, kind: Kind, size: int) -> NoRoom | None:
        """Something else of `size` bytes."""
        return self._refused(size, lambda session: require_room(session, self._claim.project_id, kind, size))

    def low(self) -> DiskLow | None:
        """Where the storage is, or the worker's cache, less is free than must stay so."""
        chosen = self._resources.settings
        try:
            require(disk_of(self._resources.storage, chosen))
            require(measure(chosen.cache_directory.expanduser(), chosen))
        except DiskLow as error:
            return error
        except OSError as error:
            log.warning("nobody can say how full the disk is: %s", error)
        return None

    def _refused(self, size: int, check: Callable[[ReadSession], object]) -> NoRoom | None:
        try:
            require(disk_of(self._resources.storage, self._resources.settings), size)
            with read(self._resources.database) as session:
                check(session)
        except (QuotaExceeded, DiskLow, StorageFull) as error:
            return error
        except (SQLAlchemyError, OSError, StorageUnavailable) as error:
            log.warning("nobody can say whether there is room: %s", first_line(error))
        except SeedbedError as error:
            log.warning("nobody can say whether there is room: %s", error.detail)
        return None
