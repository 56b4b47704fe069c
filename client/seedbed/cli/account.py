"""``seedbed login``, ``seedbed whoami``."""

import sys
from typing import Annotated

import typer

from seedbed import config
from seedbed.cli.output import Json, fields, print_json, remark
from seedbed.client import Client


def login(
    url: Annotated[str, typer.Argument(help="URL of the service.")] = config.DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Store the URL of a service and an API key. The key is prompted for, or read from standard input."""
    url = config.normalized(url)
    key = (
        typer.prompt(f"API key for {url}", hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline()
    ).strip()
    if not key:
        raise typer.BadParameter("no key was given", param_hint="key")
    with Client(url, key) as client:
        session = client.whoami()
    kept = config.write(config.Config(url, key))
    if as_json:
        print_json({"url": url, "file": str(kept), **session.model_dump(mode="json", exclude_unset=True)})
    else:
        remark(
            f"Logged in to {url}, project {session.project.name!r}, with key {session.key.name!r}. Kept in {kept}."
        )


def whoami(as_json: Json = False) -> None:
    """Show which service, project and key commands use."""
    with Client() as client:
        session = client.whoami()
        if as_json:
            print_json({"url": client.url, **session.model_dump(mode="json", exclude_unset=True)})
            return
        fields(
            [
                ("service", client.url),
                ("project", f"{session.project.name} ({session.project.id})"),
                ("key", f"{session.key.name} (…{session.key.hint}, {session.key.id})"),
                ("scopes", ", ".join(session.key.scopes)),
            ]
        )
