"""``seedbed task …``: lists and shows the tasks."""

from typing import Annotated

import typer
import yaml

from seedbed.cli.errors import USAGE, print_error
from seedbed.cli.output import Json, fields, out, print_json, table
from seedbed.client import Client
from seedbed.models import Metric, Task

app = typer.Typer(help="Tasks that models can learn: which to choose, where to start.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(metavar="TASK", help="As `seedbed task list` names it.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the tasks of the service: what each learns from, and when to choose it."""
    with Client() as client:
        found = list(client.tasks.list())
    if as_json:
        print_json(found)
        return
    table(
        ["task", "learns from", "title", "choose it"],
        [
            (task.kind, task.modality, task.title, task.choose_if.removeprefix("Choose this "))
            for task in found
        ],
    )


@app.command()
def show(kind: Kind, as_json: Json = False) -> None:
    """Show a task: networks, what it measures, recipes to start from."""
    with Client() as client:
        task = client.tasks.get(kind)
    if as_json:
        print_json(task)
        return
    fields(
        [
            ("task", f"{task.kind}: {task.title}"),
            ("choose", task.choose_if),
            ("does", task.description),
            ("learns from", task.modality),
            ("networks", ", ".join(network.preset for network in task.networks)),
            ("fields", ", ".join(task.fields)),
            ("package", task.package),
            ("page", task.documentation),
        ]
    )
    out().print()
    table(
        ["metric", "title", "better", "unit", "how to read it"],
        [
            (_series(metric), metric.title, metric.better or "", metric.unit or "", metric.hint or "")
            for metric in task.metrics
        ],
    )
    if task.exports:
        out().print()
        table(
            ["export", "what", "opens with"], [(one.format, one.summary, one.library) for one in task.exports]
        )
    if task.recipes:
        out().print()
        table(["recipe", "what"], [(recipe.name, recipe.description) for recipe in task.recipes])


@app.command()
def spec(
    kind: Kind,
    recipe: Annotated[str | None, typer.Argument(help="Name of one of its recipes. Default: mini.")] = None,
    as_json: Json = False,
) -> None:
    """Print a recipe as a job file, to be given a dataset and submitted."""
    with Client() as client:
        task = client.tasks.get(kind)
    name = recipe or _usual(task)
    document = next((one.spec for one in task.recipes if one.name == name), None)
    if document is None:
        names = ", ".join(one.name for one in task.recipes)
        print_error(
            f"{kind} has no recipe {name!r}; " + (f"there are {names}." if names else "it has none at all.")
        )
        raise typer.Exit(USAGE)
    document = {"name": f"{kind} {name}", **document}
    if as_json:
        print_json(document)
    else:
        print(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), end="")


def _usual(task: Task) -> str:
    names = [recipe.name for recipe in task.recipes]
    return "mini" if "mini" in names or not names else names[0]


def _series(metric: Metric) -> str:
    return ", ".join(metric.series)
