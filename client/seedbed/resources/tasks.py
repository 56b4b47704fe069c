"""Waiting for a task, the same for each kind."""

from collections.abc import Callable
from typing import TypeVar

from seedbed.models import Task
from seedbed.transport import Transport

WAIT_SECONDS = 10.0
"""The service holds an answer back for so long at most."""
PROGRESS_SECONDS = 1.0
"""Whoever shows progress wants to hear in between."""

TaskT = TypeVar("TaskT", bound=Task)


def wait(
    transport: Transport, path: str, kind: type[TaskT], on_progress: Callable[[TaskT], object] | None
) -> TaskT:
    """The task once it is over, however it ended."""
    seconds = WAIT_SECONDS if on_progress is None else PROGRESS_SECONDS
    while True:
        task = kind.model_validate(transport.get(path, {"wait": seconds}))
        if on_progress is not None:
            on_progress(task)
        if task.is_terminal:
            return task
