"""Adds the job and the attempt to each line of a worker's log, whichever thread writes it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_current: dict[str, object] = {}
_plain_record = logging.getLogRecordFactory()


def _record(*arguments: Any, **named: Any) -> logging.LogRecord:
    record = _plain_record(*arguments, **named)
    record.__dict__.update(_current)
    return record


def install() -> None:
    """Set the record factory in the supervising process, which has one job at a time."""
    logging.setLogRecordFactory(_record)


@contextmanager
def about(job: str, attempt: int) -> Iterator[None]:
    """Mark the lines that are logged within the block with this attempt."""
    _current.update(job=job, attempt=attempt)
    try:
        yield
    finally:
        _current.clear()
