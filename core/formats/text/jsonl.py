"""Reads documents from JSON Lines: one object on each line."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from core.formats.errors import Place, printable
from core.formats.tables.columns import choose_column
from core.formats.tables.first_rows import Counted, first_rows
from core.formats.tables.reading import Reading, Row

_NAMES = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}


def jsonl_rows(lines: Iterator[str], reading: Reading) -> Iterator[Row]:
    """The objects, their text under the key that ``reading`` names. A line without the key, or with null, is no document.

    Raises:
        FormatError: ``bad_json`` with the line's number; ``no_text_column``.
    """
    place = reading.place
    counted = Counted(lines)
    rows = _rows(iter(counted), place)
    sample = first_rows(rows, counted)
    if not sample:
        return
    columns: dict[str, bool] = {}
    other: set[str] = set()
    for _, row in sample:
        for key, value in row.items():
            columns[key] = columns.get(key, False) or isinstance(value, str)
            if not isinstance(value, str | None):
                other.add(key)
    held = {key: _found_types(key, sample) for key, is_text in columns.items() if not is_text}
    chosen = choose_column(columns, reading.text_column, place, "key", held, preferred=reading.preferred)
    column = reading.use_column(chosen, (key for key in columns if key not in other))
    further = reading.further([key for key in columns if key != column])
    for number, row in itertools.chain(sample, rows):
        text = row.get(column)
        if text is None:
            continue
        if not isinstance(text, str):
            kind = _NAMES.get(type(text), "something else")
            raise place.error(
                "bad_json",
                f"line {number:,}: {printable(column)!r} is {kind}, not a string",
                case="no_string",
                line=number,
                column=column,
                found=kind,
            )
        yield Row(number, text, tuple(row.get(key) for key in further))


def _found_types(key: str, sample: list[tuple[int, dict[str, Any]]]) -> str:
    kinds = {_NAMES.get(type(row[key]), "null") for _, row in sample if key in row}
    rows = "the first row" if len(sample) == 1 else f"the first {len(sample)} rows"
    return f"{' or '.join(sorted(kinds))} in {rows}"


def _rows(lines: Iterator[str], place: Place) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = (
                error.msg
                if isinstance(error, json.JSONDecodeError)
                else "a value is nested too deeply or too large"
            )
            raise place.error(
                "bad_json",
                f"line {number:,} is not JSON ({what}); each line must be one JSON object",
                case="no_json",
                line=number,
                error=what,
            ) from None
        if not isinstance(row, dict):
            kind = _NAMES.get(type(row), "a string" if isinstance(row, str) else "null")
            raise place.error(
                "bad_json",
                f'line {number:,} is {kind}; each line must be one object, as {{"text": "…"}}',
                case="no_object",
                line=number,
                found=kind,
            )
        if "\\u" in line:
            row = {_without_half_pairs(key): _without_half_pairs(value) for key, value in row.items()}
        yield number, row


def _without_half_pairs(value: Any) -> Any:
    r"""Replace half a surrogate pair (``"\ud83d"``), which is legal in JSON but not in text, by U+FFFD."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
