"""The command ``seedbed-server``: runs the whole service or one part of it, and the operator's commands."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from control import logs
from control.errors import SeedbedError
from standalone.home import Home
from standalone.problems import ProblemError
from worker.device import DeviceChoice, NoDeviceError, installed_version

app = typer.Typer(
    help="Seedbed: a self-hosted service for self-supervised pretraining.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)
project_app = typer.Typer(help="Projects: each has its own datasets, jobs and keys.", no_args_is_help=True)
app.add_typer(key_app, name="key")
app.add_typer(project_app, name="project")

DEFAULT_PORT = 8000
SIGNS = {"ok": ("ok  ", "green"), "warn": ("WARN", "yellow"), "bad": ("BAD ", "red")}


class Device(StrEnum):
    """The device that a worker trains on; ``auto``: a GPU if there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class PrecisionChoice(StrEnum):
    """The number format that the engine computes in; ``auto``: bf16 if the processor has it and it is not slower."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all addresses of this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free port.")]
DeviceOption = Annotated[
    Device, typer.Option(envvar="SEEDBED_DEVICE", help="The device that the worker trains on.")
]
Project = Annotated[str, typer.Option(help="The project's name.")]


@app.command()
def up(host: Host = "127.0.0.1", port: Port = DEFAULT_PORT, device: DeviceOption = Device.AUTO) -> None:
    """Run the whole service on this machine, until Ctrl-C.

    The data directory is SEEDBED_HOME; if that is not set, the user's data directory.
    """
    from standalone.up import up as run_up  # noqa: PLC0415 - each command imports only what it needs

    run_up(Home(), host=host, port=port, device=_choice(device))


@app.command()
def demo(  # noqa: PLR0917 - typer draws options from parameters
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    device: DeviceOption = Device.AUTO,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Training steps, however long they take. Default: as many as fit about two minutes."
        ),
    ] = None,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="The precision that the job asks for.")
    ] = PrecisionChoice.AUTO,
    exit_: Annotated[  # noqa: FBT002 - typer draws options from parameters
        bool, typer.Option("--exit", help="Stop the service when the demonstration has ended.")
    ] = False,
) -> None:
    """Demonstrate every step once: upload, train, watch, evaluate, download, fill a mask."""
    from standalone.demo import demo as run_demo  # noqa: PLC0415

    run_demo(
        Home(),
        host=host,
        port=port,
        device=_choice(device),
        steps=steps,
        precision=precision.value,
        stay=not exit_,
    )


@app.command()
def migrate() -> None:
    """Migrate the database of DATABASE_URL to this version."""
    from control.migrate import upgrade  # noqa: PLC0415
    from control.settings import settings  # noqa: PLC0415

    _find_service()
    upgrade(settings().database_url)
    typer.echo("The database is up to date.")


@app.command()
def api(host: Host = "127.0.0.1", port: Port = DEFAULT_PORT) -> None:
    """Run only the API, with the settings of the environment."""
    from api.main import serve  # noqa: PLC0415
    from control.migrate import check_revision  # noqa: PLC0415
    from control.settings import settings  # noqa: PLC0415
    from standalone.network import free_port  # noqa: PLC0415

    check_revision(settings().database_url)
    serve(settings(), host, free_port(host, port))


@app.command()
def worker(device: DeviceOption = Device.AUTO) -> None:
    """Run one worker, with the settings of the environment. Start one for each GPU."""
    from control.settings import settings  # noqa: PLC0415
    from worker.main import run  # noqa: PLC0415

    logs.configure(settings().log_format)
    raise typer.Exit(run(_choice(device)))


@app.command()
def doctor(host: Host = "127.0.0.1", port: Port = DEFAULT_PORT) -> None:
    """Check everything that the service depends on, and say how to correct each problem.

    Exits with 1 if a check failed; warnings do not count.
    """
    from standalone.doctor import examine  # noqa: PLC0415

    _find_service()
    console = Console(soft_wrap=True, highlight=False)
    healthy = True
    for finding in examine(Home(), host=host, port=port):
        healthy = healthy and finding.verdict != "bad"
        console.print(Text.assemble(SIGNS[finding.verdict], f" {finding.what}: {finding.found}"))
        if finding.advice:
            console.print(Text(f"     \N{RIGHTWARDS ARROW} {finding.advice}"))
    raise typer.Exit(0 if healthy else 1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("seedbed-server"))


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
    with _database() as engine, write(engine) as session:
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
    with _database() as engine, read(engine) as session:
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

    with _database() as engine, write(engine) as session:
        keys.revoke(session, _project_id(engine, project), key)
    typer.echo(f"{key} is revoked.")


@project_app.command("create")
def project_create(name: Annotated[str, typer.Argument(help="Its name; unique.")]) -> None:
    """Make a project, or find the existing one of that name; prints its id."""
    from control.db import write  # noqa: PLC0415
    from control.projects import service as projects  # noqa: PLC0415

    with _database() as engine, write(engine) as session:
        typer.echo(projects.ensure(session, name).id)


@project_app.command("list")
def project_list() -> None:
    """List the projects."""
    from control.db import read  # noqa: PLC0415
    from control.projects.models import Project as Row  # noqa: PLC0415

    table = Table(Column("id", no_wrap=True), "name", "made")
    with _database() as engine, read(engine) as session:
        for row in session.scalars(select(Row).order_by(Row.name)):
            table.add_row(row.id, row.name, f"{row.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


def _choice(device: Device) -> DeviceChoice:
    return device.value


def _project_id(engine: Engine, name: str) -> str:
    from control.db import read  # noqa: PLC0415
    from control.projects.models import Project as Row  # noqa: PLC0415

    with read(engine) as session:
        found = session.scalar(select(Row.id).where(Row.name == name))
    if found is None:
        raise ProblemError(f"There is no project {name!r}; `seedbed-server project list` shows the projects.")
    return found


@contextmanager
def _database() -> Iterator[Engine]:
    import control.models  # noqa: F401, PLC0415 - SQLAlchemy needs every table that a foreign key refers to
    from control.db import create_engine  # noqa: PLC0415
    from control.migrate import check_revision  # noqa: PLC0415
    from control.settings import settings  # noqa: PLC0415

    _find_service()
    check_revision(settings().database_url)
    engine = create_engine(settings().database_url, application="seedbed-server", pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()


def _find_service() -> None:
    """If the environment has no DATABASE_URL, take the settings of the service that runs on this machine."""
    if "DATABASE_URL" not in os.environ:
        os.environ.update(Home().service() or {})


def main() -> None:
    """Run the command line. Expected errors are printed in one sentence, without a traceback."""
    logs.configure("console", level=logging.WARNING)
    try:
        app()
    except (ProblemError, NoDeviceError) as error:
        _fail(str(error))
    except SeedbedError as error:
        _fail(error.detail)
    except OperationalError as error:
        reason = str(error.orig).partition("\n")[0]
        _fail(
            f"The database of DATABASE_URL does not answer: {reason}. Check the address, and that PostgreSQL runs."
        )
    except ValidationError as error:
        names = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        _fail(
            f"These settings are missing or wrong: {names}. Set them in the environment, or start "
            f"`seedbed-server up` on {Home().directory} first."
        )


def _fail(message: str) -> None:
    sys.stderr.write(f"seedbed-server: {message}\n")
    sys.exit(1)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
    main()
