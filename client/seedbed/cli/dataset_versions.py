"""``seedbed dataset versions``, ``continue``: versions of a dataset, and the job that goes on with the newest files."""

from typing import Annotated

import typer
import yaml

from seedbed.cli import text
from seedbed.cli.errors import REFUSED, print_error
from seedbed.cli.output import Json, print_json, remark, table
from seedbed.client import Client

Id = Annotated[str, typer.Argument(metavar="DATASET", help="Id, as ds_….")]


def versions(dataset: Id, as_json: Json = False) -> None:
    """List all versions of a dataset, newest first."""
    with Client() as client:
        found = list(client.datasets.versions(dataset))
    if as_json:
        print_json(found)
        return
    table(
        ["version", "id", "name", "state", "samples", "added", "size", "created", "parent"],
        [
            (
                f"{d.version}",
                d.id,
                d.name,
                d.state,
                f"{d.samples:,}",
                "" if d.added is None else f"{d.added.samples:,}",
                text.size(d.bytes),
                text.ago(d.created_at),
                d.parent or "",
            )
            for d in found
        ],
        right=["version", "samples", "added", "size"],
    )


def continue_(dataset: Id, as_json: Json = False) -> None:
    """Print the job that goes on with the files that a version added, for `seedbed job submit -f -`."""
    with Client() as client:
        found = client.datasets.continuation(dataset)
    if found.spec is None:
        print_error(
            f"No job on an earlier version of {dataset} has ended with a checkpoint, so there is nothing to go on from. Submit a new job."
        )
        raise typer.Exit(REFUSED)
    if as_json:
        print_json(found)
        return
    remark(f"From step {found.step:,} of {found.job}, its best checkpoint {found.checkpoint}.")
    print(yaml.safe_dump(found.spec, sort_keys=False, allow_unicode=True), end="")
