"""The command ``seedbed-server``: runs the whole service or one part of it, and the operator's commands."""

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import OperationalError

from control import logs
from control.errors import SeedbedError
from standalone import projects
from standalone.database import find_service
from standalone.home import Home
from standalone.problems import ProblemError
from worker.device import DeviceChoice, NoDeviceError, installed_version

app = typer.Typer(
    help="Seedbed: a self-hosted service for self-supervised pretraining.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(projects.key_app, name="key")
app.add_typer(projects.project_app, name="project")

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

    find_service()
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

    find_service()
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


def _choice(device: Device) -> DeviceChoice:
    return device.value


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
