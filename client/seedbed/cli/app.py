"""The root of the command line: its global options and its groups of commands."""

import os
import sys
from collections.abc import Sequence

import typer
import typer.main

from seedbed.cli import (
    account,
    checkpoints,
    datasets,
    errors,
    evaluations,
    jobs,
    keys,
    lineages,
    predict,
    system,
    tasks,
    usage,
    workers,
)
from seedbed.errors import InvalidFile, SeedbedError

app = typer.Typer(
    name="seedbed",
    help="Upload data, submit pretraining jobs, watch them, download checkpoints.",
    epilog=(
        "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 invalid spec or data, "
        "4 service not reachable, 5 the watched job failed, 6 it was cancelled, 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("login")(account.login)
app.command("whoami")(account.whoami)
app.command("usage")(usage.usage)
app.command("quota")(usage.quota)
app.command("system")(system.system)
app.command("predict")(predict.predict)
app.add_typer(tasks.app, name="task")
app.add_typer(tasks.app, name="tasks", hidden=True)
app.add_typer(datasets.app, name="dataset")
app.add_typer(jobs.app, name="job")
app.add_typer(lineages.app, name="lineage")
app.add_typer(checkpoints.app, name="checkpoint")
app.add_typer(evaluations.app, name="evaluation")
app.add_typer(workers.app, name="worker")
app.add_typer(keys.app, name="key")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        typer.main.get_command(app)(given, prog_name="seedbed")
    except SeedbedError as error:
        errors.report(error, as_json="--json" in given)
        return errors.exit_code(error)
    except UnicodeEncodeError as error:
        # An argument or a file's name that is not UTF-8: Python stores its bytes as lone surrogates.
        refused = InvalidFile(
            f"{error.object[:100]!r} is not valid text in UTF-8; rename it or write it anew."
        )
        errors.report(refused, as_json="--json" in given)
        return errors.exit_code(refused)
    except BrokenPipeError:
        # The reader of standard output has closed it; the flush at Python's end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.REFUSED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
