"""``seedbed predict``: ask a checkpoint; texts are printed as they come, pictures go to files."""

import base64
import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from seedbed.cli.newest import newest
from seedbed.cli.output import Json, print_json, remark, table
from seedbed.client import Client
from seedbed.downloads import target
from seedbed.errors import InvalidFile, SeedbedError
from seedbed.models.predictions import Prediction, PredictionLoading, PredictionPart, PredictionPlace

_SHOWN_NUMBERS = 8


def predict(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Id of a checkpoint (ckpt_…), or of a job, for its newest checkpoint."
        ),
    ],
    text: Annotated[
        str | None, typer.Option("--text", help="The input text; - reads it from standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The input: an image or a recording.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", help="Kind of prediction; `seedbed task show KIND --json` lists those of a task."
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="An option of the kind, as temperature=0.5; repeatable.",
        ),
    ] = None,
    directory: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where pictures are written to.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Ask a checkpoint for a prediction: fill a mask, continue a text, reconstruct an image, features, neighbours. A text is
    printed while it is computed."""
    if text == "-":
        text = sys.stdin.read()
    with Client() as client:
        wanted = newest(client, checkpoint).id if checkpoint.startswith("job_") else checkpoint
        streaming = client.checkpoints.predict_stream(
            wanted, kind=kind, text=text, file=file, **_options(options or [])
        )
        with contextlib.closing(streaming) as events:
            found, printed = _follow(events, quiet=as_json)
    if as_json:
        print_json(found)
    else:
        _print(found, printed, directory)


def _options(given: list[str]) -> dict[str, Any]:
    """
    Raises:
        SeedbedError: not ``NAME=VALUE``.
    """
    found = {}
    for assignment in given:
        name, equals, value = assignment.partition("=")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[name] = value
        if not equals or not name:
            raise SeedbedError(f"{assignment!r} is not NAME=VALUE, as temperature=0.5.")
    return found


def _follow(events: Any, *, quiet: bool) -> tuple[Prediction, str]:
    """The result, and the text that was printed of it."""
    printed = ""
    for event in events:
        match event:
            case Prediction():
                return event, printed
            case PredictionPlace() if not quiet:
                remark(f"Waiting: {event.ahead} before this one.")
            case PredictionLoading() if not quiet:
                remark("A worker loads the model.")
            case PredictionPart() if not quiet and "gap" not in (event.model_extra or {}):
                print(event.text, end="", flush=True)
                printed += event.text
    raise AssertionError("a stream ends with its result or an exception")


def _print(found: Prediction, printed: str, directory: Path) -> None:
    result = found.result
    match result.get("kind"):
        case "text":
            print(str(result["text"])[len(printed) :])
        case "images":
            for image in result["images"]:
                print(_write(directory, f"{image['name']}.png", image["png"]))
        case str(kind) if kind in _PRINTERS:
            _PRINTERS[kind](result)
        case _:
            print_json(result)


def _print_masks(result: Mapping[str, Any]) -> None:
    for number, mask in enumerate(result["masks"], 1):
        for candidate in mask["candidates"]:
            print(f"{number}  {candidate['probability']:7.2%}  {candidate['text']}")
    remark(result["text"])


def _print_neighbours(result: Mapping[str, Any]) -> None:
    rows = [
        (f"{one['similarity']:.3f}", one["where"], " ".join(one.get("text", "").split())[:80])
        for one in result["neighbours"]
    ]
    table(["similarity", "sample", "text"], rows, right=["similarity"])
    remark(f"{result['searched']:,} samples of the dataset were searched.")


def _print_classes(result: Mapping[str, Any]) -> None:
    for one in result["classes"]:
        print(f"{one['probability']:7.2%}  {one['name']}")


def _print_tags(result: Mapping[str, Any]) -> None:
    for one in result["entities"]:
        print(f"{one['probability']:7.2%}  {one['type']}  {one['text']}")
    remark(f"{len(result['entities']):,} entities in {len(result['words']):,} words.")


def _print_vector(result: Mapping[str, Any]) -> None:
    numbers = ", ".join(f"{number:.4g}" for number in result["vector"][:_SHOWN_NUMBERS])
    print(f"[{numbers}, …]")
    remark(f"{result['width']:,} numbers; --json prints all.")


_PRINTERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "gaps": lambda result: print(result["text"]),
    "masks": _print_masks,
    "neighbours": _print_neighbours,
    "classes": _print_classes,
    "tags": _print_tags,
    "number": lambda result: print(result["number"]),
    "vector": _print_vector,
}


def _write(directory: Path, name: str, png: str) -> Path:
    """
    Raises:
        InvalidFile: the directory cannot be written.
    """
    place = target(directory, name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        place.write_bytes(base64.b64decode(png))
    except OSError as error:
        raise InvalidFile(f"{error.filename or place}: {error.strerror or error}.") from error
    return place
