"""What the readers of tables share while one file is read, and what a person said of how to read it."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from core.formats.errors import Place
from core.formats.limits import Limits
from core.formats.notes import Note
from core.formats.tables.dialect import Dialect


@dataclass(frozen=True)
class ReadingOptions:
    """What was said at its upload of how a file is read; a job reads it likewise. None: what is found in the file."""

    column: str | None = None
    """That holds the samples, where the file is a table. What a job's spec names comes first."""
    delimiter: str | None = None
    """One character, between the fields of a CSV."""
    quote: str | None = None
    """Around the fields of a CSV: ``"``, ``'`` or `NO_QUOTE`."""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """From what `facts` gave; fields that are not known are passed over."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in (document or {}).items() if name in known})

    def facts(self) -> dict[str, Any]:
        """Those that were said, as JSON has them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_COLUMNS = 1_000
_NAME_CHARACTERS = 255


def nameable(columns: Iterable[str]) -> tuple[str, ...]:
    """Those of a table's columns that a spec can name and a database can hold; the first thousand."""
    fine = (name for name in columns if len(name) <= _NAME_CHARACTERS and _is_storable(name))
    return tuple(itertools.islice(dict.fromkeys(fine), _COLUMNS))


def _is_storable(name: str) -> bool:
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


AS_FOUND = ReadingOptions()
"""Nothing was said."""


class Reading:
    """What is wanted, the limits, and where reading is; takes note of what was used."""

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
        """Those that may be read instead, as far as the beginning of the table shows."""

    def use_column(self, column: str, columns: Iterable[str] = ()) -> str:
        """Take note of the column chosen, and of those that could have been."""
        self.column_used = column
        self.columns = nameable((column, *columns))
        return column

    def use_dialect(self, dialect: Dialect) -> None:
        self.dialect = dialect
