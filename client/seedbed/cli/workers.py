"""``seedbed worker …``"""

import typer

from seedbed.cli import text
from seedbed.cli.output import Json, print_json, table
from seedbed.client import Client

app = typer.Typer(help="The machines that run jobs.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps ``list`` a subcommand: typer would merge a single command into its group."""


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List workers: device, and what each one runs."""
    with Client() as client:
        found = list(client.workers.list())
    if as_json:
        print_json(found)
        return
    table(
        ["id", "name", "state", "device", "memory", "threads", "job", "last seen"],
        [
            (
                worker.id,
                worker.name,
                worker.state,
                worker.device_name or worker.device,
                text.size(worker.memory_bytes),
                str(worker.threads),
                worker.job or "",
                text.ago(worker.last_seen_at),
            )
            for worker in found
        ],
        right=["memory", "threads"],
    )
