"""Waiting for a short job at a terminal."""

from collections.abc import Callable
from typing import TypeVar

import typer

from seedbed.cli.errors import ENDED, REFUSED, say
from seedbed.cli.output import err, print_json, remark
from seedbed.models import ShortJob

ShortJobT = TypeVar("ShortJobT", bound=ShortJob)

_PHASES = {
    "staging": "bringing the files to the worker",
    "preparing": "preparing",
    "training": "working",
    "saving": "saving",
}


def awaited(
    short_job: ShortJobT,
    wait: Callable[[Callable[[ShortJobT], None]], ShortJobT],
    cancel: Callable[[], object],
    *,
    what: str,
) -> ShortJobT:
    """The short job once it is over, with a spinner that says how it stands. Ctrl-C cancels it.

    Args:
        wait: Waits, and calls back with the short job as it stands.
        cancel: Cancels it.
        what: What is being done, as a person says it.
    """
    try:
        console = err()
        if not console.is_terminal:
            return wait(lambda _: None)
        with console.status(_describe(short_job, what)) as status:
            return wait(lambda now: status.update(_describe(now, what)))
    except KeyboardInterrupt:
        cancel()
        remark(f"{short_job.id} is cancelled.")
        raise


def require_success(short_job: ShortJob, *, as_json: bool) -> None:
    """Say why a short job came to nothing, and exit by it."""
    if short_job.state == "succeeded":
        return
    if as_json:
        print_json(short_job)
    elif short_job.failure is not None:
        say(f"{short_job.failure.message} ({short_job.failure.code})")
        if short_job.failure.hint:
            remark(short_job.failure.hint)
    else:
        say(f"{short_job.id} is {short_job.state}.")
    raise typer.Exit(ENDED.get(short_job.state, REFUSED))


def _describe(short_job: ShortJob, what: str) -> str:
    if short_job.state == "queued":
        return (
            f"{what}: queued, {short_job.waiting_reason}" if short_job.waiting_reason else f"{what}: queued"
        )
    phase = _PHASES.get(short_job.phase or "", short_job.phase or short_job.state)
    share = f" {short_job.phase_fraction:.0%}" if short_job.phase_fraction is not None else ""
    return f"{what}: {phase}{share}"
