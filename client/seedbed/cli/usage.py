"""``seedbed usage``, ``seedbed quota``."""

import re
from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.output import Json, fields, print_json, table
from seedbed.client import Client
from seedbed.models import Usage

KINDS = ("datasets", "checkpoints", "samples", "exports", "logs")
_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", re.IGNORECASE | re.ASCII)
_HELP = "Bytes, as 20GB or 512MiB; none takes the quota away."


def usage(as_json: Json = False) -> None:
    """Show what the project has stored, its quotas, and what is free."""
    with Client() as client:
        found = client.usage()
    _show(found, as_json=as_json)


def quota(
    datasets: Annotated[str | None, typer.Option(help=_HELP)] = None,
    checkpoints: Annotated[str | None, typer.Option(help=_HELP)] = None,
    samples: Annotated[str | None, typer.Option(help=_HELP)] = None,
    exports: Annotated[str | None, typer.Option(help=_HELP)] = None,
    logs: Annotated[str | None, typer.Option(help=_HELP)] = None,
    as_json: Json = False,
) -> None:
    """Set the project's own quotas; what is not named stays. Needs an admin's key."""
    given = {
        "datasets": datasets,
        "checkpoints": checkpoints,
        "samples": samples,
        "exports": exports,
        "logs": logs,
    }
    quotas = {kind: parse(value, kind) for kind, value in given.items() if value is not None}
    if not quotas:
        raise typer.BadParameter("name at least one, as --checkpoints 20GB")
    with Client() as client:
        found = client.set_quotas(**quotas)
    _show(found, as_json=as_json)


def parse(value: str, kind: str) -> int | None:
    """Bytes of ``20GB``, ``512 MiB`` or ``1000``; None of ``none``.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if value.strip().lower() == "none":
        return None
    match = _SIZE.fullmatch(value.strip())
    if match is None or match[2].lower() == "i":
        raise typer.BadParameter(
            f"{value!r} is no size; write it as 20GB, 512MiB or none", param_hint=f"--{kind}"
        )
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _show(found: Usage, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [(kind, getattr(found, kind)) for kind in (*KINDS, "previews")]
    table(
        ["what", "number", "size", "quota"],
        [
            (
                kind,
                f"{one.count:,}",
                text.size(one.bytes),
                text.size(one.limit_bytes) if one.limit_bytes is not None else "",
            )
            for kind, one in rows
        ],
        right=["number", "size", "quota"],
    )
    fields(
        [
            ("in all", text.size(found.bytes)),
            ("leaving", text.size(found.leaving_bytes) if found.leaving_bytes else None),
            ("disk", disk_room(found)),
        ]
    )


def disk_room(found: Usage) -> str | None:
    """Free space of the disk and the reserve that must stay free; None if the storage is a bucket."""
    disk = found.disk
    if disk is None:
        return None
    return (
        f"{text.size(disk.free_bytes)} of {text.size(disk.total_bytes)} free; "
        f"{text.size(disk.keep_free_bytes)} must stay so"
    )
