"""Asks for confirmation before something is deleted for good."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from seedbed.cli.output import print_json, remark

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def delete_for_good(
    identity: str,
    describe: Callable[[], str],
    delete: Callable[[], object],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete something, once somebody at the terminal has agreed or ``yes`` is given.

    Args:
        identity: Its id, for the output.
        describe: Description for the question "Delete ... for good?"; called only if the question is asked.
        delete: Deletes it.

    Raises:
        typer.BadParameter: there is no terminal to ask on.
        typer.Abort: the answer was no.
    """
    if not yes:
        what = describe()
        if not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here; --yes says so", param_hint="--yes")
        typer.confirm(f"Delete {what} for good?", abort=True, err=True)
    delete()
    if as_json:
        print_json({"id": identity, "deleted": True})
    else:
        remark(f"Deleted {identity}.")
