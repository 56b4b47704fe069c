"""``seedbed lineage …``"""

from itertools import islice
from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.output import Json, fields, print_json, remark, table
from seedbed.cli.spec_files import Assignments, File, SpecFile
from seedbed.client import Client
from seedbed.models import Forgetting, PlannedLineage

app = typer.Typer(help="Stages that learn one after another, without forgetting.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="LINEAGE", help="Id, as lin_….")]


@app.command()
def submit(
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET…", help="Ids in order; two at least.")],
    file: File,
    name: Annotated[str | None, typer.Option(help="Name of the lineage. Default: the spec's.")] = None,
    assignments: Assignments = None,
    as_json: Json = False,
) -> None:
    """Submit a sequence of stages: one spec on several datasets, each stage when the one before has succeeded. Prints its id."""
    read = SpecFile(file, None, assignments)
    with Client() as client, read.explained(as_json=as_json, within="spec"):
        lineage = client.lineages.submit(read.spec, datasets, name=name)
    if as_json:
        print_json(lineage)
    else:
        remark(f"{lineage.name!r} has {len(lineage.stages)} stages; the first is {lineage.stages[0].state}.")
        print(lineage.id)


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Most lineages to list, newest first.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """List lineages, newest first."""
    with Client() as client:
        found = list(islice(client.lineages.list(page_size=min(limit, 200)), limit))
    if as_json:
        print_json(found)
        return
    table(
        ["id", "name", "state", "task", "stages", "created"],
        [
            (
                one.id,
                one.name,
                one.state,
                one.task,
                f"{sum(stage.state == 'succeeded' for stage in one.stages)} of {len(one.stages)}",
                text.ago(one.created_at),
            )
            for one in found
        ],
        right=["stages"],
    )


@app.command()
def show(
    lineage: Id,
    metric: Annotated[
        str | None, typer.Option(help="Measure of the matrix, as eval/loss. Default: the task's usual one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a lineage: its stages, and what each stage's weights know of each stage's held-out part."""
    with Client() as client:
        found = client.lineages.get(lineage, metric=metric)
    if as_json:
        print_json(found)
    else:
        _print(found)


@app.command()
def cancel(lineage: Id, as_json: Json = False) -> None:
    """Submit no further stage, and cancel the job of the newest one."""
    with Client() as client:
        _told(client.lineages.cancel(lineage), as_json=as_json)


@app.command()
def resume(lineage: Id, as_json: Json = False) -> None:
    """Let a stopped or cancelled lineage go on."""
    with Client() as client:
        _told(client.lineages.resume(lineage), as_json=as_json)


@app.command()
def delete(lineage: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a lineage that does not run; the jobs of its stages stay."""
    with Client() as client:
        delete_for_good(
            lineage,
            lambda: f"the lineage {client.lineages.get(lineage).name!r}",
            lambda: client.lineages.delete(lineage),
            yes=yes,
            as_json=as_json,
        )


def _told(lineage: PlannedLineage, *, as_json: bool) -> None:
    if as_json:
        print_json(lineage)
    else:
        remark(f"{lineage.name!r} is {lineage.state}.")


def _print(lineage: PlannedLineage) -> None:
    stop = lineage.stop
    fields(
        [
            ("id", lineage.id),
            ("name", lineage.name),
            ("task", lineage.task),
            ("state", lineage.state),
            ("stopped", None if stop is None else stop.message),
        ]
    )
    print()
    table(
        ["stage", "dataset", "state", "progress", "job"],
        [
            (
                str(stage.position),
                stage.dataset_name or stage.dataset,
                stage.state,
                f"{stage.progress.step:,} of {text.total(stage.progress.steps)}"
                if stage.progress is not None
                else "",
                stage.job or "",
            )
            for stage in lineage.stages
        ],
        right=["stage"],
    )
    if lineage.forgetting is not None and lineage.forgetting.after is not None:
        print()
        print_forgetting(lineage.forgetting)


def print_forgetting(found: Forgetting) -> None:
    """The matrix, a row for each stage, and the numbers that sum it up."""
    numbers = [str(position + 1) for position in range(len(found.jobs))]
    remark(f"{found.metric} on each stage's held-out part; {found.better} is better")
    table(
        ["after stage", *numbers],
        [(number, *map(_number, row)) for number, row in zip(numbers, found.matrix, strict=True)],
        right=["after stage", *numbers],
    )
    print()
    fields(
        [
            ("average", _number(found.average)),
            ("backward transfer", _number(found.backward_transfer)),
            ("forward transfer", _number(found.forward_transfer)),
            ("forgetting", _number(found.forgetting)),
        ]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
