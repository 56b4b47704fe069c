"""Waiting for a short job: the answer to whoever asked comes when it is over, not at the next poll."""

import time
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from api.live import Hub
from api.standing import Standing
from control.lifecycle.states import TERMINAL
from control.short_jobs.kind import ShortJobOut

_LOOK_SECONDS = 3.0
"""Without a bell (Redis may be away) it is looked for so often."""

ShortJobT = TypeVar("ShortJobT", bound=ShortJobOut)


async def awaited(
    hub: Hub, standing: Standing, short_job_id: str, look: Callable[[], ShortJobT], seconds: float
) -> ShortJobT:
    """The short job once it is over; as it is, when the time is over or the process stops.

    Args:
        standing: Of the request that waits.
        look: Reads it; runs in a thread.

    Raises:
        Unauthorized, Forbidden: who asked may no longer know.
    """
    short_job = await run_in_threadpool(look)
    if seconds <= 0 or short_job.state in TERMINAL:
        return short_job
    deadline = time.monotonic() + seconds
    async with hub.listen(short_job_id) as listener:
        standing.tell(lambda: listener.ring(points_alone=False))
        while True:
            standing.demand()
            # Read after the ear is there: what happens from now on rings.
            short_job = await run_in_threadpool(look)
            left = deadline - time.monotonic()
            if short_job.state in TERMINAL or left <= 0 or hub.closing:
                return short_job
            await listener.wait(min(left, _LOOK_SECONDS))
