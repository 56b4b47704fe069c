"""Waiting for a task: the answer to whoever asked comes when it is over, not at the next poll."""

import time
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from api.live import Hub
from api.standing import Standing
from control.jobs.states import TERMINAL
from control.tasks.schemas import TaskOut

_LOOK_SECONDS = 3.0
"""Without a bell (Redis may be away) it is looked for so often."""

TaskT = TypeVar("TaskT", bound=TaskOut)


async def awaited(
    hub: Hub, standing: Standing, task_id: str, look: Callable[[], TaskT], seconds: float
) -> TaskT:
    """The task once it is over; as it is, when the time is over or the process stops.

    Args:
        standing: Of the request that waits.
        look: Reads it; runs in a thread.

    Raises:
        Unauthorized, Forbidden: who asked may no longer know.
    """
    task = await run_in_threadpool(look)
    if seconds <= 0 or task.state in TERMINAL:
        return task
    deadline = time.monotonic() + seconds
    async with hub.listen(task_id) as listener:
        standing.tell(lambda: listener.ring(points_alone=False))
        while True:
            standing.demand()
            # Read after the ear is there: what happens from now on rings.
            task = await run_in_threadpool(look)
            left = deadline - time.monotonic()
            if task.state in TERMINAL or left <= 0 or hub.closing:
                return task
            await listener.wait(min(left, _LOOK_SECONDS))
