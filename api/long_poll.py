"""Long polling of a short job (``?wait=SECONDS``): the response is sent when the job is over."""

import time
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from api.credential_check import CredentialCheck
from api.live import Hub
from control.lifecycle.states import TERMINAL
from control.short_jobs.kind import ShortJobOut

_LOOK_SECONDS = 3.0
"""Seconds between two reads without a wake-up, since Redis may be unreachable."""

ShortJobT = TypeVar("ShortJobT", bound=ShortJobOut)


async def awaited(
    hub: Hub,
    credential_check: CredentialCheck,
    short_job_id: str,
    look: Callable[[], ShortJobT],
    seconds: float,
) -> ShortJobT:
    """The short job when it is over, or in its current state when the time is over or the process stops.

    Args:
        credential_check: The credential checks of the waiting request.
        look: Reads the short job; runs in a thread.

    Raises:
        Unauthorized, Forbidden: the caller's credentials are no longer valid.
    """
    short_job = await run_in_threadpool(look)
    if seconds <= 0 or short_job.state in TERMINAL:
        return short_job
    deadline = time.monotonic() + seconds
    async with hub.listen(short_job_id) as listener:
        credential_check.on_invalid(lambda: listener.notify(points_alone=False))
        while True:
            credential_check.require_valid()
            # Read after the subscription: every later change sends a wake-up.
            short_job = await run_in_threadpool(look)
            left = deadline - time.monotonic()
            if short_job.state in TERMINAL or left <= 0 or hub.closing:
                return short_job
            await listener.wait(min(left, _LOOK_SECONDS))
