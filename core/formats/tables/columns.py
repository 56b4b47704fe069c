"""Chooses the column of a table that holds the text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from core.characters import LONGEST_NAME, brief, unstorable
from core.formats.errors import FormatError, FormatErrorCode, Place, printable
from core.formats.notes import Note, listed, named


def choose_column(
    columns: Mapping[str, bool],
    wanted: str | None,
    place: Place,
    what: str = "column",
    held: Mapping[str, str] = MappingProxyType({}),
    *,
    preferred: Sequence[str] = (),
) -> str:
    """The column named ``wanted``. Without a name: ``text``, else the only column of strings.

    Args:
        preferred: Without a name, the first of these that holds strings instead.
        columns: The name of each column, and whether it holds strings.
        held: For columns that do not hold strings, a description of what they hold.

    Raises:
        FormatError: ``no_text_column``. The message lists the columns and says how to name one.
    """
    if wanted is not None:
        if wanted not in columns:
            raise _no_column(
                f"has no {what} {brief(wanted)!r}",
                list(columns),
                place,
                what,
                case="no_such_column",
                column=wanted,
            )
        return expect_storable(wanted, place, "no_text_column")
    if preferred:
        for name in preferred:
            if columns.get(name):
                return name
        raise _no_column(
            f"has no {what} of text named {', '.join(map(repr, preferred))}",
            list(columns),
            place,
            what,
            held,
            case="none_preferred",
            preferred=list(preferred),
        )
    if columns.get("text"):
        return "text"
    strings = [name for name, is_text in columns.items() if is_text]
    if len(strings) == 1:
        return expect_storable(strings[0], place, "no_text_column")
    problem = (
        f"has no {what} of text" if not strings else f"has several {what}s of text and none named 'text'"
    )
    case = "several_columns" if strings else "no_column"
    raise _no_column(problem, list(columns), place, what, held, case=case)


def expect_storable(column: str, place: Place, code: FormatErrorCode) -> str:
    """The column, if the service can store its name in database rows and in jobs' specs.

    Raises:
        FormatError: ``code``, where it cannot.
    """
    problem = unstorable(column)
    if len(column) > LONGEST_NAME:
        problem = f"it has {len(column):,} characters, and {LONGEST_NAME} is the most"
    if problem is not None:
        raise place.error(
            code,
            f"the name of the column {brief(column, 60)!r} cannot be stored: {problem}. Rename it",
            case="column_name",
            column=brief(column, 60),
            reason=problem,
            characters=len(column),
            most_characters=LONGEST_NAME,
        )
    return column


def expect_one(column: str, columns: Sequence[str], place: Place, code: FormatErrorCode) -> None:
    """
    Raises:
        FormatError: ``code``, where several columns have the name of the column to read.
    """
    if (number := columns.count(column)) > 1:
        raise place.error(
            code,
            f"has {number} columns named {printable(column)!r}, so that it is ambiguous which of them to read; give each a "
            "name of its own",
            case="repeated_column",
            column=column,
            columns=number,
        )


def single_columns(columns: Sequence[str]) -> list[str]:
    """The column names that occur only once, in order."""
    return [column for column, number in Counter(columns).items() if number == 1]


def repeated_columns(columns: Sequence[str]) -> list[Note]:
    """A note if column names occur more than once, else nothing. The column that is read is not among them."""
    repeated = {column for column, number in Counter(columns).items() if number > 1}
    if not repeated:
        return []
    return [
        Note(
            "columns_repeat",
            f"Several columns have the same name: {listed(repeated)}. None of them is read.",
            named(repeated),
        )
    ]


def not_text(column: str, found: str, columns: Sequence[str], place: Place) -> FormatError:
    """The error for a column that was named and does not hold text."""
    problem = f"column {printable(column)!r} holds {found}, not text"
    return _no_column(problem, columns, place, "column", case="not_text", column=column, found=found)


def _no_column(
    problem: str,
    columns: Sequence[str],
    place: Place,
    what: str,
    held: Mapping[str, str] = MappingProxyType({}),
    **params: Any,
) -> FormatError:
    shown = ", ".join(
        repr(brief(name, 80)) + (f" ({held[name]})" if name in held else "") for name in columns[:20]
    )
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    there = f"its {what}s are {shown}{more}" if columns else f"it has no {what} at all"
    return place.error(
        "no_text_column",
        f"{problem}; {there}. Name the one that holds the text as data.text_column",
        kind=what,
        columns=[brief(name, 80) for name in columns[:20]],
        more=max(0, len(columns) - 20),
        held={name: held[name] for name in columns[:20] if name in held},
        **params,
    )
