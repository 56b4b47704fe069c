"""The rows that a table's columns are judged by, before its documents are read."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

_ROWS = 64
_CHARACTERS = 4 << 20
"""Beyond so many no further row is looked at: all of them are held in memory at once."""

Row = TypeVar("Row")


class Counted:
    """Lines, and how many characters they had so far."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.characters += len(line)
            yield line


def first_rows(rows: Iterator[Row], lines: Counted) -> list[Row]:
    """The first 64 rows, fewer where they are long.

    Args:
        rows: Read from ``lines`` as they are asked for; those that are not returned are still to come.
    """
    found = []
    for row in rows:
        found.append(row)
        if len(found) >= _ROWS or lines.characters > _CHARACTERS:
            break
    return found
