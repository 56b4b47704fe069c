"""``seedbed job preview``: texts are printed, pictures go to files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from seedbed.cli.output import Json, plain, print_json, remark
from seedbed.cli.samples import ENDINGS
from seedbed.cli.short_jobs import succeeded
from seedbed.cli.spec_files import (
    Assignments,
    DatasetOption,
    File,
    ScopeOption,
    SpecFile,
    StartOption,
)
from seedbed.client import Client
from seedbed.downloads import target
from seedbed.errors import InvalidFile
from seedbed.models import JobPreview


def preview(
    file: File,
    dataset: DatasetOption = None,
    start: StartOption = None,
    scope: ScopeOption = None,
    assignments: Assignments = None,
    number: Annotated[
        int, typer.Option("--samples", min=1, max=16, help="Number of samples: the first of the batch.")
    ] = 8,
    step: Annotated[int, typer.Option(min=1, help="Step whose crops, masks and rotations are shown.")] = 1,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Target directory. Default: a directory named by the preview's id."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have a worker show the inputs that a job's networks would get: crops, masks, rotations. Writes pictures and texts to a directory,
    prints the texts and the pictures' paths. Nothing is submitted."""
    read = SpecFile(file, dataset, assignments, start=start, scope=scope)
    with Client() as client:
        with read.explained(as_json=as_json):
            asked = client.jobs.preview(read.spec, samples=number, step=step)
        done = succeeded(client.previews, asked, what="previewing", as_json=as_json)
        saved = _save(client, done, directory or Path(done.id))
    _print(done, saved, as_json=as_json)


def _save(client: Client, preview: JobPreview, directory: Path) -> list[tuple[Path, bytes]]:
    """Write each thing as ``NAME.png`` or ``NAME.txt`` into the directory; their paths and bytes.

    Raises:
        InvalidFile: the directory cannot be written.
    """
    assert preview.result is not None
    saved = []
    for thing in preview.result.shown:
        place = target(directory, f"{thing.name}.{ENDINGS.get(thing.media_type, 'bin')}")
        content = client.previews.content(preview.id, thing.name)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError as error:
            raise InvalidFile(f"{error.filename or place}: {error.strerror or error}.") from error
        saved.append((place, content))
    return saved


def _print(preview: JobPreview, saved: list[tuple[Path, bytes]], *, as_json: bool) -> None:
    """Print texts and the pictures' paths; as JSON, the preview and all paths."""
    if as_json:
        document: dict[str, Any] = {"preview": plain(preview), "files": [str(place) for place, _ in saved]}
        print_json(document)
        return
    for place, content in saved:
        if place.suffix == ".txt":
            print(content.decode(errors="replace"))
            remark(f"Written to {place}.")
        else:
            print(place)
