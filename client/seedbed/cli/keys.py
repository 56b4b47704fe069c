"""``seedbed key …``"""

from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.output import Json, print_json, remark, table
from seedbed.client import Client

app = typer.Typer(help="API keys (needs a key with the scope admin).", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the key: what or whom it is for.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, write or admin; may be repeated. Default: read and write."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a key and print it. It is shown only once."""
    with Client() as client:
        made = client.keys.create(name, scopes=scopes or ("read", "write"))
    if as_json:
        print_json(made)
    else:
        remark(f"{made.id}, for {', '.join(made.scopes)}. Keep it now: it cannot be shown again.")
        print(made.secret)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List keys, newest first."""
    with Client() as client:
        found = list(client.keys.list())
    if as_json:
        print_json(found)
        return
    table(
        ["id", "name", "ends in", "scopes", "created", "last used", "state"],
        [
            (
                key.id,
                key.name,
                key.hint,
                ", ".join(key.scopes),
                text.ago(key.created_at),
                text.ago(key.last_used_at),
                "valid" if key.revoked_at is None else "revoked",
            )
            for key in found
        ],
    )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id, as key_….")], as_json: Json = False
) -> None:
    """Revoke a key; it stops working at once."""
    with Client() as client:
        client.keys.revoke(key)
    if as_json:
        print_json({"id": key, "revoked": True})
    else:
        remark(f"Revoked {key}.")
