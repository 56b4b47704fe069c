"""Waits for a short job, with its progress on a terminal."""

from typing import TypeVar

import typer

from seedbed.cli.errors import ENDED, REFUSED, print_error
from seedbed.cli.output import err, print_json, remark
from seedbed.models import ShortJob
from seedbed.short_jobs.base import ShortJobs

ShortJobT = TypeVar("ShortJobT", bound=ShortJob)

_PHASES = {
    "staging": "bringing the files to the worker",
    "preparing": "preparing",
    "training": "working",
    "saving": "saving",
}


def succeeded(short_jobs: ShortJobs[ShortJobT], asked: ShortJobT, *, what: str, as_json: bool) -> ShortJobT:
    """Wait until the short job has succeeded, with a spinner that shows its state. Ctrl-C cancels it.

    Args:
        short_jobs: The client's resource for its kind, such as ``client.estimates``.
        asked: The short job in the response to its creation.
        what: The activity, such as ``estimating``.

    Raises:
        typer.Exit: it failed or was cancelled; the reason was printed.
    """
    try:
        console = err()
        if not console.is_terminal:
            done = short_jobs.wait(asked.id)
        else:
            with console.status(_describe(asked, what)) as status:
                done = short_jobs.wait(asked.id, on_progress=lambda now: status.update(_describe(now, what)))
    except KeyboardInterrupt:
        short_jobs.cancel(asked.id)
        remark(f"{asked.id} is cancelled.")
        raise
    if done.state != "succeeded":
        _print_reason(done, as_json=as_json)
        raise typer.Exit(ENDED.get(done.state, REFUSED))
    return done


def _print_reason(short_job: ShortJob, *, as_json: bool) -> None:
    if as_json:
        print_json(short_job)
    elif short_job.failure is not None:
        print_error(f"{short_job.failure.message} ({short_job.failure.code})")
        if short_job.failure.hint:
            remark(short_job.failure.hint)
    else:
        print_error(f"{short_job.id} is {short_job.state}.")


def _describe(short_job: ShortJob, what: str) -> str:
    if short_job.state == "queued":
        return (
            f"{what}: queued, {short_job.waiting_reason}" if short_job.waiting_reason else f"{what}: queued"
        )
    phase = _PHASES.get(short_job.phase or "", short_job.phase or short_job.state)
    share = f" {short_job.phase_fraction:.0%}" if short_job.phase_fraction is not None else ""
    return f"{what}: {phase}{share}"
