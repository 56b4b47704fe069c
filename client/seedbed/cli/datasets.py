"""``seedbed dataset …``"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from seedbed import uploads
from seedbed.cli import dataset_versions, text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.errors import USAGE, print_error
from seedbed.cli.output import Json, fields, out, print_json, remark, table
from seedbed.cli.transfers import bar
from seedbed.client import Client
from seedbed.errors import SeedbedError
from seedbed.guessing import guess_modality
from seedbed.models import Dataset, DatasetDetail, DatasetFile

app = typer.Typer(help="Datasets to train on.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="DATASET", help="Id, as ds_….")]
_NOUNS = {"text": "document", "image": "image", "audio": "recording"}

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="Most datasets to list, newest first.")]


@app.command()
def upload(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…",
            help="Files, or directories with all in them; of images or recordings, folders name classes.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset. Default: the name of the first path.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Upload into this open dataset instead of a new one.")
    ] = None,
    version_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="Make a new version of this dataset: it has all files of that one, and these. Files that it has already are not sent.",
        ),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column (CSV, Parquet) or key (JSON Lines) that holds the text.")
    ] = None,
    image_column: Annotated[str | None, typer.Option(help="Column (Parquet) that holds the images.")] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Delimiter of a CSV: one character, or tab. Default: detected."),
    ] = None,
    quote: Annotated[
        str | None,
        typer.Option(help="Quote character of a CSV: \" or ' or none. Default: detected."),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(
            help="What the files hold: text, image or audio. Default: what their names say, those in archives too."
        ),
    ] = None,
    leave_open: Annotated[
        bool, typer.Option("--open", help="Do not complete the dataset: more files will follow.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Upload files into a new dataset, or a new version of one, and complete it. Prints its id."""
    if dataset is not None and version_of is not None:
        print_error(
            "--dataset goes on with an open dataset, --version-of makes a new one: give one of the two."
        )
        raise typer.Exit(USAGE)
    files = uploads.find_files(paths)
    total = sum(file.bytes for file in files)
    with Client() as client:
        if version_of is not None:
            target = client.datasets.create_version(version_of, name=name, modality=modality).id
        else:
            target = dataset or (
                client.datasets.create(
                    name or paths[0].resolve().stem or "dataset",
                    modality=modality or guess_modality(files),
                ).id
            )
        try:
            with bar("uploading", total) as progress:
                sent = client.datasets.upload(
                    target,
                    paths,
                    text_column=text_column,
                    image_column=image_column,
                    delimiter=delimiter,
                    quote=quote,
                    progress=progress,
                )
            done = client.datasets.get(target) if leave_open else client.datasets.complete(target)
        except (SeedbedError, KeyboardInterrupt):
            remark(
                f"Dataset {target} stays open; `--dataset {target}` goes on with it and sends only what it lacks."
            )
            raise
    if as_json:
        print_json(done)
        return
    remark(
        f"{done.files} file{'s' * (done.files != 1)}, {text.size(done.bytes)}, {_samples(done)}{_added(done)}; "
        + ("still open." if done.state == "open" else "ready for jobs.")
    )
    for line in (line for file in sent for line in _reading_notes(file)):
        remark(line)
    print(done.id)


def _reading_notes(file: DatasetFile) -> Iterator[str]:
    """Lines about the parts of a file that were not read, and about what inspection decided."""
    if file.passed_over:
        kinds = ", ".join(f"{one.files:,} {one.kind}" for one in file.passed_over)
        yield f"{file.name}: not read: {kinds}."
    for note in file.notes:
        yield f"{file.name}: {note.message}"


def _samples(dataset: Dataset) -> str:
    noun = _NOUNS.get(dataset.modality, "sample")
    return f"{dataset.samples:,} {noun}{'s' * (dataset.samples != 1)}"


def _added(dataset: Dataset) -> str:
    """What a version added, as a part of a sentence; empty for a first version."""
    added = dataset.added
    if added is None:
        return ""
    return f" (version {dataset.version} added {added.samples:,} in {added.files} file{'s' * (added.files != 1)}, {text.size(added.bytes)})"


@app.command("list")
def list_(limit: Limit = 20, as_json: Json = False) -> None:
    """List datasets, newest first."""
    with Client() as client:
        found = list(islice(client.datasets.list(), limit))
    if as_json:
        print_json(found)
        return
    table(
        ["id", "name", "version", "state", "files", "size", "samples", "created"],
        [
            (
                d.id,
                d.name,
                f"{d.version}",
                d.state,
                f"{d.files}",
                text.size(d.bytes),
                _samples(d),
                text.ago(d.created_at),
            )
            for d in found
        ],
        right=["version", "files", "size", "samples"],
    )


app.command("versions")(dataset_versions.versions)
app.command("continue")(dataset_versions.continue_)


@app.command()
def show(dataset: Id, as_json: Json = False) -> None:
    """Show a dataset and its files."""
    with Client() as client:
        found = client.datasets.get(dataset)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(dataset: DatasetDetail) -> None:
    fields(
        [
            ("id", dataset.id),
            ("name", dataset.name),
            ("version", f"{dataset.version}, of {dataset.parent}" if dataset.parent else None),
            ("state", dataset.state),
            ("size", text.size(dataset.bytes)),
            ("holds", _samples(dataset) + _added(dataset)),
            ("characters", f"{dataset.characters:,}" if dataset.modality == "text" else None),
            ("sha256", dataset.sha256),
            ("created", text.ago(dataset.created_at)),
        ]
    )
    for rows in _labels(dataset.statistics):
        print()
        table(*rows)
    if dataset.file_list:
        print()
        table(
            ["file", "kind", "size", "samples", "text column", "of"],
            [
                (
                    f.name,
                    f.kind,
                    text.size(f.bytes),
                    f"{f.samples:,}",
                    f.text_column or "",
                    "parent" if f.inherited else "",
                )
                for f in dataset.file_list
            ],
            right=["size", "samples"],
        )
        for line in (line for file in dataset.file_list for line in _reading_notes(file)):
            print(line)


@app.command()
def preview(
    dataset: Id,
    documents: Annotated[int, typer.Option("--documents", "-n", min=1, max=100)] = 5,
    characters: Annotated[
        int, typer.Option(min=1, max=20_000, help="Most characters of each document.")
    ] = 500,
    as_json: Json = False,
) -> None:
    """Show the beginnings of some documents, read as training will read them."""
    with Client() as client:
        found = client.datasets.preview(dataset, documents=documents, characters=characters)
    if as_json:
        print_json(found)
        return
    for document in found.documents:
        out().print(
            Text(f"── {document.file}, document {document.index}, {document.characters:,} characters", "dim")
        )
        print(document.text, end="\n\n")


@app.command("contact-sheet")
def contact_sheet(
    dataset: Id,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the PNG.")],
    images: Annotated[int, typer.Option("--images", "-n", min=1, max=200)] = 48,
) -> None:
    """Write some images of a dataset, side by side, to a PNG; of audio, waveforms over spectrograms."""
    with Client() as client:
        content = client.datasets.contact_sheet(dataset, images=images)
    output.write_bytes(content)
    remark(f"Wrote {output}, {text.size(len(content))}.")


@app.command()
def delete(dataset: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a dataset that no unfinished job needs."""
    with Client() as client:

        def describe() -> str:
            found = client.datasets.get(dataset)
            return f"{found.name!r} ({text.size(found.bytes)})"

        delete_for_good(dataset, describe, lambda: client.datasets.delete(dataset), yes=yes, as_json=as_json)


_CLASSES_SHOWN = 100


def _labels(statistics: Mapping[str, Any]) -> Iterator[tuple[list[str], list[tuple[str, ...]]]]:
    """Tables of the classes of text and of the entities in its tags, the most frequent first."""
    tags = statistics.get("tags") or {}
    for rows, name, number in (
        (statistics.get("classes", ()), "name", "documents"),
        (tags.get("entities", ()), "type", "entities"),
    ):
        counted = [row for row in rows if number in row]
        if counted:
            ranked = sorted(counted, key=lambda row: (-row[number], row[name]))
            yield (
                ["class" if name == "name" else "entity", number, "held out", "example"],
                [
                    (
                        row[name],
                        f"{row[number]:,}",
                        f"{row['held_out']:,}",
                        next(iter(row["examples"]), "")[:60],
                    )
                    for row in ranked[:_CLASSES_SHOWN]
                ],
            )
