"""Removal of stored files that a deletion recorded and did not remove."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine

from control.datasets import blobs
from control.db import read
from control.removals import repository
from control.removals.models import Kind
from control.removals.service import Remover, carry_out
from control.storage import Storage

log = logging.getLogger(__name__)

LEFT_AFTER = timedelta(seconds=30)
"""A removal that is older than this was left by a process that ended, or because the storage was unreachable."""
_BATCH = 100


def carry_out_left(engine: Engine, storage: Storage, *, older_than: timedelta = LEFT_AFTER) -> list[str]:
    """Carry out recorded removals that are older than this; returns their keys."""
    with read(engine) as session:
        left = repository.older(session, older_than, _BATCH)
    removers: Mapping[Kind, Remover] = {
        "prefix": storage.delete_prefix,
        "blob": partial(blobs.release_one, engine, storage),
    }
    for key, kind in left:
        try:
            carry_out(engine, [key], removers[kind])
        except Exception:
            # Other keys may be readable even though this one was not.
            log.warning("%s has not left the storage yet; the next round tries again", key, exc_info=True)
    return [key for key, _ in left]
