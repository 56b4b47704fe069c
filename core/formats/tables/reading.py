"""The state that the readers of tables share while one file is read, and the options for how to read it."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from core.formats.errors import Place
from core.formats.limits import Limits
from core.formats.notes import Note
from core.formats.tables.dialect import Dialect


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a file, as set with its upload. A job reads the file with the same options. None: found by reading the file."""

    column: str | None = None
    """The column that holds the samples, where the file is a table. The column that a job's spec names takes precedence."""
    delimiter: str | None = None
    """The character between the fields of a CSV file."""
    quote: str | None = None
    """The character around the fields of a CSV file: ``"``, ``'`` or `NO_QUOTE`."""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """The options made from the result of `facts`. Unknown fields are ignored."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in (document or {}).items() if name in known})

    def facts(self) -> dict[str, Any]:
        """The options that are set, as plain values for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_COLUMNS = 1_000
_NAME_CHARACTERS = 255


def nameable(columns: Iterable[str]) -> tuple[str, ...]:
    """The column names that a spec can name and a database can store; at most the first thousand."""
    fine = (name for name in columns if len(name) <= _NAME_CHARACTERS and _is_storable(name))
    return tuple(itertools.islice(dict.fromkeys(fine), _COLUMNS))


def _is_storable(name: str) -> bool:
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


AS_FOUND = ReadingOptions()
"""No option is set."""


class Row(NamedTuple):
    """One row of a table of texts."""

    line: int
    """Its line in the file (of a record over several lines: the last one); of Parquet, its row number. Counted from 1."""
    text: str | None
    values: tuple[Any, ...] = ()
    """What `Reading.further` asks for."""


Further = Callable[[Sequence[str]], Sequence[str]]
"""Chooses, among all names of a table's columns but that of the text, those whose values are read too."""


def nothing_further(_columns: Sequence[str]) -> Sequence[str]:
    """Only the text is read."""
    return ()


class Reading:
    """The requested column and options, the limits, the place of the reader, and the column and dialect that were used."""

    def __init__(
        self, place: Place, text_column: str | None, limits: Limits, options: ReadingOptions = AS_FOUND
    ) -> None:
        self.place = place
        self.text_column = text_column or options.column
        self.limits = limits
        self.options = options
        self.column_used: str | None = None
        self.dialect: Dialect | None = None
        self.notes: list[Note] = []
        self.columns: tuple[str, ...] | None = None
        """The columns that could be read instead, as far as the first rows show."""
        self.repeated: frozenset[str] = frozenset()
        """Names that several columns of the table have."""
        self.further: Further = nothing_further
        self.preferred: Sequence[str] = ()
        """Names that the column may have where none is set, the most likely first; none: ``text``, or the only column of
        strings."""
        self.in_columns = False
        """Whether a plain text file was found to be in CoNLL layout."""

    def use_column(self, column: str, columns: Iterable[str] = ()) -> str:
        """Record the column chosen, and the columns that could have been chosen."""
        self.column_used = column
        self.columns = nameable((column, *columns))
        return column

    def use_dialect(self, dialect: Dialect) -> None:
        self.dialect = dialect
