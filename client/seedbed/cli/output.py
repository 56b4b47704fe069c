"""Output of commands: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

STATE_STYLES = {
    "succeeded": "green",
    "ready": "green",
    "idle": "green",
    "running": "cyan",
    "busy": "cyan",
    "failed": "red",
    "offline": "red",
    "cancelled": "yellow",
    "paused": "yellow",
}


def out() -> Console:
    """Standard output. If it is no terminal, lines are never wrapped."""
    return Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 10_000)


def err() -> Console:
    """Standard error: progress, remarks, errors."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def plain(value: Any) -> Any:
    """Responses as plain JSON data, fields of a newer service included."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def print_json(value: Any) -> None:
    """One document on standard output."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """One document on a line of its own, at once."""
    print(json.dumps(plain(value), ensure_ascii=False), flush=True)


def remark(message: str) -> None:
    """Print a sentence for people to standard error."""
    err().print(Text(message))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
    """Columns on standard output; those in ``right`` are numbers."""
    listing = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        listing.add_column(
            heading, justify="right" if heading in right else "left", no_wrap=heading in {"id", *right}
        )
    for row in rows:
        listing.add_row(*(_cell(heading, value) for heading, value in zip(headings, row, strict=True)))
    out().print(listing, soft_wrap=False)


def fields(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print one name and value on each line; pairs without a value are left out."""
    kept = [(name, value) for name, value in pairs if value is not None]
    width = max(len(name) for name, _ in kept)
    for name, value in kept:
        line = Text(f"{name:{width}}  ", style="dim")
        line.append_text(_cell(name, value.replace("\n", "\n" + " " * (width + 2))))
        out().print(line)


def _cell(heading: str, value: str) -> Text:
    style = STATE_STYLES.get(value.partition(",")[0], "") if heading == "state" else "not dim"
    return Text(value, style=style or "not dim")
