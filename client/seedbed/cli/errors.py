"""Error messages and exit codes of commands that fail.

=====  ============================================================================
code   meaning
=====  ============================================================================
0      done; for a watched job: it succeeded
1      the service refused or failed
2      the command line, a local file or the configuration is wrong
3      a spec or a data file is not valid
4      the service cannot be reached
5      the watched job, the estimate or the export failed
6      it was cancelled
130    interrupted; a watched job continues
=====  ============================================================================
"""

import json
from collections.abc import Iterable, Mapping

from rich.text import Text

from seedbed.cli.output import err
from seedbed.errors import (
    ApiError,
    Invalid,
    InvalidFile,
    NotConfigured,
    ProblemDetail,
    SeedbedError,
    Unauthorized,
    Unreachable,
)

REFUSED = 1
USAGE = 2
INVALID = 3
UNREACHABLE = 4
INTERRUPTED = 130
ENDED = {"succeeded": 0, "failed": 5, "cancelled": 6}
"""Exit code by the state in which a watched job ended."""


def exit_code(error: SeedbedError) -> int:
    """The exit code for an error."""
    if isinstance(error, InvalidFile | NotConfigured):
        return USAGE
    if isinstance(error, Invalid):
        return INVALID
    if isinstance(error, Unreachable):
        return UNREACHABLE
    return REFUSED


def report(error: SeedbedError, *, as_json: bool) -> None:
    """Print an error to standard error."""
    if as_json:
        print(json.dumps({"error": error.as_dict()}, ensure_ascii=False), file=err().file)
        return
    print_error(error.detail)
    if isinstance(error, ApiError):
        if len(error.errors) > 1 or (error.errors and error.errors[0].message not in error.detail):
            print_problems(error.errors)
        if isinstance(error, Unauthorized):
            print_dim("`seedbed login` keeps another key.")
        if error.request_id and error.status >= 500:
            print_dim(f"request id: {error.request_id}")


def print_error(message: str) -> None:
    """Print one error message, in red on a terminal with colours."""
    err().print(Text.assemble(("error: ", "bold red"), message))


def print_dim(message: str) -> None:
    err().print(Text(message, style="dim"))


def print_problems(
    problems: Iterable[ProblemDetail],
    *,
    source: str | None = None,
    lines: Mapping[str, int] | None = None,
    style: str = "red",
) -> None:
    """One line a field; with ``lines`` (dotted path → line of ``source``), where to find it."""
    for problem in problems:
        line = _line_of(problem.param, lines or {})
        where = f"{source}:{line}: " if source and line else "  "
        message = problem.message
        if problem.suggestion and problem.suggestion not in message:
            message += f" (did you mean {problem.suggestion!r}?)"
        err().print(
            Text.assemble((where, "dim"), (problem.param, style), ": " if problem.param else "", message)
        )


def _line_of(param: str, lines: Mapping[str, int]) -> int | None:
    """The line of the field itself, or of the nearest enclosing section if the field is missing."""
    while param and param not in lines:
        param = param.rpartition(".")[0]
    return lines.get(param)
