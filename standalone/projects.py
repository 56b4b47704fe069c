"""``seedbed-server key`` and ``project``: the operator's commands about projects and their API keys."""

from typing import Annotated, cast, get_args

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy import Engine, select

from standalone.database import database
from standalone.problems import ProblemError

key_app = typer.Typer(help="API keys.", no_args_is_help=True)
project_app = typer.Typer(help="Projects: each has its own datasets, jobs and keys.", no_args_is_help=True)

Project = Annotated[str, typer.Option(help="The project's name.")]


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scopes: Annotated[
        str,
        typer.Option(
            help="read, write or admin, several separated by commas. write includes read; admin both."
        ),
    ] = "write",
    project: Project = "default",
) -> None:
    """Make an API key and print it. It is shown only once: only its hash is stored."""
    from control.db import write  # noqa: PLC0415
    from control.keys import service as keys  # noqa: PLC0415
    from control.keys.schemas import Scope  # noqa: PLC0415
    from control.projects import service as projects  # noqa: PLC0415
    from control.settings import settings  # noqa: PLC0415

    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    known = get_args(Scope)
    if not wanted or not set(wanted) <= set(known):
        raise ProblemError(
            f"--scopes takes one or more of {', '.join(known)}, separated by commas; not {scopes!r}."
        )
    with database() as engine, write(engine) as session:
        made = projects.ensure(session, project)
        _, text = keys.create(
            session,
            made.id,
            name,
            cast("list[Scope]", wanted),
            secret=settings().secret.get_secret_value(),
        )
    typer.echo(text)


@key_app.command("list")
def key_list(project: Project = "default") -> None:
    """List a project's keys, including revoked ones."""
    from control.db import read  # noqa: PLC0415
    from control.keys import service as keys  # noqa: PLC0415

    table = Table(Column("id", no_wrap=True), "name", "ends in", "scopes", "made", "last used", "revoked")
    with database() as engine, read(engine) as session:
        for key in keys.list_keys(session, _project_id(engine, project), limit=1000, cursor=None).rows:
            times = (key.created_at, key.last_used_at, key.revoked_at)
            when = [f"{time:%Y-%m-%d %H:%M}" if time else "" for time in times]
            table.add_row(key.id, key.name, key.hint, ", ".join(key.scopes), *when)
    Console().print(table)


@key_app.command("revoke")
def key_revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `key list` shows it.")],
    project: Project = "default",
) -> None:
    """Revoke a key permanently."""
    from control.db import write  # noqa: PLC0415
    from control.keys import service as keys  # noqa: PLC0415

    with database() as engine, write(engine) as session:
        keys.revoke(session, _project_id(engine, project), key)
    typer.echo(f"{key} is revoked.")


@project_app.command("create")
def project_create(name: Annotated[str, typer.Argument(help="Its name; unique.")]) -> None:
    """Make a project, or find the existing one of that name; prints its id."""
    from control.db import write  # noqa: PLC0415
    from control.projects import service as projects  # noqa: PLC0415

    with database() as engine, write(engine) as session:
        typer.echo(projects.ensure(session, name).id)


@project_app.command("list")
def project_list() -> None:
    """List the projects."""
    from control.db import read  # noqa: PLC0415
    from control.projects.models import Project as Row  # noqa: PLC0415

    table = Table(Column("id", no_wrap=True), "name", "made")
    with database() as engine, read(engine) as session:
        for row in session.scalars(select(Row).order_by(Row.name)):
            table.add_row(row.id, row.name, f"{row.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


def _project_id(engine: Engine, name: str) -> str:
    from control.db import read  # noqa: PLC0415
    from control.projects.models import Project as Row  # noqa: PLC0415

    with read(engine) as session:
        found = session.scalar(select(Row.id).where(Row.name == name))
    if found is None:
        raise ProblemError(f"There is no project {name!r}; `seedbed-server project list` shows the projects.")
    return found
