"""Checks quota and disk space for what a run writes: before each upload to storage, and while the run goes on."""

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
    """The checks of one attempt. Each returns None if there is room, and also if this cannot be found out at the moment,
    because the commit checks once more."""

    def __init__(self, resources: WorkerResources, claim: Claim) -> None:
        self._resources = resources
        self._claim = claim

    def for_checkpoint(self, step: int, size: int, metrics: Mapping[str, float]) -> NoRoom | None:
        """Check the room for a checkpoint of `size` bytes, without those that retention removes for it."""
        return self._refused(
            size,
            lambda session: require_room_for(
                session, self._claim.job_id, self._claim.attempt, step=step, size=size, metrics=metrics
            ),
        )

    def for_more(self, kind: Kind, size: int) -> NoRoom | None:
        """Check the room for something else of `size` bytes."""
        return self._refused(size, lambda session: require_room(session, self._claim.project_id, kind, size))

    def low(self) -> DiskLow | None:
        """The shortage, if less than the reserve is free on the disk of the storage or of the worker's cache."""
        chosen = self._resources.settings
        try:
            require(disk_of(self._resources.storage, chosen))
            require(measure(chosen.cache_directory.expanduser(), chosen))
        except DiskLow as error:
            return error
        except OSError as error:
            log.warning("the free disk space cannot be read: %s", error)
        return None

    def _refused(self, size: int, check: Callable[[ReadSession], object]) -> NoRoom | None:
        try:
            require(disk_of(self._resources.storage, self._resources.settings), size)
            with read(self._resources.database) as session:
                check(session)
        except (QuotaExceeded, DiskLow, StorageFull) as error:
            return error
        except (SQLAlchemyError, OSError, StorageUnavailable) as error:
            log.warning("the room in storage cannot be checked: %s", first_line(error))
        except SeedbedError as error:
            log.warning("the room in storage cannot be checked: %s", error.detail)
        return None
