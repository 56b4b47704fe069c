"""Periodic cleanup: removes old idempotency records and files left in storage by crashes. Any number of processes may run it."""

import logging
import threading

from sqlalchemy import Engine

from control.checkpoints import uploads
from control.datasets import blobs
from control.db import write
from control.idempotency import service as idempotency
from control.keys import service as keys
from control.maintenance import orphans
from control.short_jobs import retention
from control.storage import Storage

log = logging.getLogger(__name__)

EVERY_SECONDS = 6 * 3600.0


def run(engine: Engine, storage: Storage, stop: threading.Event) -> None:
    """Run a round at once and then every six hours, until `stop` is set."""
    while not stop.is_set():
        try:
            with write(engine) as session:
                idempotency.forget_old(session)
                keys.forget_ended_sessions(session)
            retention.forget_old(engine, storage)
            uploads.remove_abandoned(engine, storage, blobs.ABANDONED)
            blobs.sweep(engine, storage)
            orphans.sweep(engine, storage)
        except Exception:
            log.warning("housekeeping failed; the next round tries again", exc_info=True)
        stop.wait(EVERY_SECONDS)
