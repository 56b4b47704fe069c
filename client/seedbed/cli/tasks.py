"""Waiting for a task at a terminal."""

from collections.abc import Callable
from typing import TypeVar

import typer

from seedbed.cli.errors import ENDED, REFUSED, say
from seedbed.cli.output import err, print_json, remark
from seedbed.models import Task

TaskT = TypeVar("TaskT", bound=Task)

_PHASES = {
    "staging": "bringing the files to the worker",
    "preparing": "preparing",
    "training": "working",
    "saving": "saving",
}


def awaited(
    task: TaskT,
    wait: Callable[[Callable[[TaskT], None]], TaskT],
    cancel: Callable[[], object],
    *,
    what: str,
) -> TaskT:
    """The task once it is over, with a spinner that says how it stands. Ctrl-C cancels it.

    Args:
        wait: Waits, and calls back with the task as it stands.
        cancel: Cancels it.
        what: What is being done, as a person says it.
    """
    try:
        console = err()
        if not console.is_terminal:
            return wait(lambda _: None)
        with console.status(_describe(task, what)) as status:
            return wait(lambda now: status.update(_describe(now, what)))
    except KeyboardInterrupt:
        cancel()
        remark(f"{task.id} is cancelled.")
        raise


def require_success(task: Task, *, as_json: bool) -> None:
    """Say why a task came to nothing, and exit by it."""
    if task.state == "succeeded":
        return
    if as_json:
        print_json(task)
    elif task.failure is not None:
        say(f"{task.failure.message} ({task.failure.code})")
        if task.failure.hint:
            remark(task.failure.hint)
    else:
        say(f"{task.id} is {task.state}.")
    raise typer.Exit(ENDED.get(task.state, REFUSED))


def _describe(task: Task, what: str) -> str:
    if task.state == "queued":
        return f"{what}: queued, {task.waiting_reason}" if task.waiting_reason else f"{what}: queued"
    phase = _PHASES.get(task.phase or "", task.phase or task.state)
    share = f" {task.phase_fraction:.0%}" if task.phase_fraction is not None else ""
    return f"{what}: {phase}{share}"
