"""Waiting for a short job, the same for each kind."""

from collections.abc import Callable
from typing import TypeVar

from seedbed.models import ShortJob
from seedbed.transport import Transport

WAIT_SECONDS = 10
"""The service holds an answer back for so long at most."""
PROGRESS_SECONDS = 1
"""Whoever shows progress wants to hear in between."""

ShortJobT = TypeVar("ShortJobT", bound=ShortJob)


def wait(
    transport: Transport, path: str, kind: type[ShortJobT], on_progress: Callable[[ShortJobT], object] | None
) -> ShortJobT:
    """The short job once it is over, however it ended."""
    seconds = WAIT_SECONDS if on_progress is None else PROGRESS_SECONDS
    while True:
        short_job = kind.model_validate(transport.get(path, {"wait": seconds}))
        if on_progress is not None:
            on_progress(short_job)
        if short_job.is_terminal:
            return short_job
