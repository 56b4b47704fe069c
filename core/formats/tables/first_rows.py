"""The first rows of a table, by which its text column is chosen before its documents are read."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

_ROWS = 64
_CHARACTERS = 4 << 20
"""Characters after which no further row is read: all the rows are held in memory at once."""

Row = TypeVar("Row")


class Counted:
    """Iterates over lines and counts their characters."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.characters += len(line)
            yield line


def first_rows(rows: Iterator[Row], lines: Counted) -> list[Row]:
    """The first 64 rows, or fewer where they are long.

    Args:
        rows: Read lazily from ``lines``. Rows that are not returned stay in the iterator.
    """
    found = []
    for row in rows:
        found.append(row)
        if len(found) >= _ROWS or lines.characters > _CHARACTERS:
            break
    return found
