"""Reads a job's spec file for a command, applies ``--set``, and reports errors with their line numbers."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from seedbed import specs
from seedbed.cli.errors import INVALID, print_error, print_problems, report
from seedbed.errors import Invalid, ProblemDetail

File = Annotated[str, typer.Option("--file", "-f", help="YAML or JSON; - for standard input.")]
DatasetOption = Annotated[str | None, typer.Option(help="Dataset, in place of the one in the file.")]
StartOption = Annotated[
    str | None,
    typer.Option("--start", metavar="CHECKPOINT", help="Id of the checkpoint to start from, as ckpt_…."),
]
ScopeOption = Annotated[
    str | None,
    typer.Option(
        "--scope",
        metavar="all|weights|encoder|tokenizer",
        help="With --start: go on with its task, begin its task anew with all weights, or take its encoder or its tokenizer "
        "alone into this one. Default: all.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="As training.steps=2000; may be repeated."),
]


class SpecFile:
    """A job file with its text, so that errors can name the line."""

    def __init__(
        self,
        path: str,
        dataset: str | None,
        assignments: list[str] | None,
        *,
        start: str | None = None,
        scope: str | None = None,
    ) -> None:
        self.name = "standard input" if path == "-" else path
        self.text = sys.stdin.read() if path == "-" else specs.read_text(path)
        self.spec = specs.parse(self.text, self.name)
        replaced = specs.replace(self.spec, dataset, start, scope)
        specs.assign(self.spec, assignments or [])
        assigned = [assignment.partition("=")[0].strip() for assignment in assignments or []]
        self._replaced = {*replaced, *assigned}

    @contextmanager
    def explained(self, *, as_json: bool, within: str = "") -> Iterator[None]:
        """A context manager around a request with this job: if the service refuses it, print the lines with errors, and exit.

        Args:
            within: The field of the request's body that has the spec, if it is not the whole of it.
        """
        try:
            yield
        except Invalid as error:
            if as_json or not error.errors:
                report(error, as_json=as_json)
            else:
                print_error(f"this is no job that the service can run; {places(len(error.errors))}")
                of_spec = [
                    one.model_copy(update={"param": one.param.removeprefix(f"{within}.")}) if within else one
                    for one in error.errors
                ]
                self.print_problems(of_spec)
            raise typer.Exit(INVALID) from None

    def print_problems(self, problems: Iterable[ProblemDetail], style: str = "red") -> None:
        lines = {path: line for path, line in specs.lines(self.text).items() if path not in self._replaced}
        for problem in problems:
            # A value from the command line has no line, though the section around it may have one.
            source = None if problem.param in self._replaced else self.name
            print_problems([problem], source=source, lines=lines, style=style)


def places(count: int) -> str:
    """``3 things are wrong:``"""
    return "one thing is wrong:" if count == 1 else f"{count} things are wrong:"
