"""Each line of a worker's log says which job and attempt it is about, whichever thread wrote it."""

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
    """In the process that supervises; it has one job at a time."""
    logging.setLogRecordFactory(_record)


@contextmanager
def about(job: str, attempt: int) -> Iterator[None]:
    """Lines logged within the block are about this attempt."""
    _current.update(job=job, attempt=attempt)
    try:
        yield
    finally:
        _current.clear()
